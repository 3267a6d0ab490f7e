package migration

import (
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/hullvm/hull/tests/migration/faultproxy"
)

// attempt is one move that may go wrong: a target that waits, the source's command, and a
// proxy in between, in the source's network.
type attempt struct {
	from, to *side
	receive  *command
	migrate  *command
	proxy    *faultproxy.Proxy
}

// migrate is the command that moves a machine. Where processors are emulated a guest
// stands still for longer than is usual.
func migrate(name, to string, more ...string) []string {
	return append([]string{"migrate", name, "--to", to, "--downtime", "20s"}, more...)
}

// listening is what hull receive writes to standard error before the address.
const listening = "listening on "

// wait has a side wait for a machine.
func (s *side) wait(more ...string) (c *command, address string) {
	s.t.Helper()
	c = s.start(append([]string{"receive", "--listen", s.address + ":0", "--plaintext"}, more...)...)
	return c, c.says(listening)
}

// attempt begins to move the machine to the other side, with a plan for the connections.
func (m *moving) attempt(plan faultproxy.Plan, more ...string) *attempt {
	m.t.Helper()
	from := m.runner()
	a := &attempt{from: from, to: m.other(from)}
	var address string
	a.receive, address = a.to.wait()
	l, err := from.Net.Listen("127.0.0.1:0")
	m.must(err)
	a.proxy = faultproxy.New(l, func() (net.Conn, error) { return from.Net.Dial("tcp4", address) }, plan)
	m.t.Cleanup(a.proxy.Close)
	a.migrate = from.start(migrate(m.name, a.proxy.Addr(), append([]string{"--plaintext"}, more...)...)...)
	return a
}

// over ends what is left of an attempt: commands that wait, and the proxy.
func (a *attempt) over() {
	a.from.t.Helper()
	for _, c := range []*command{a.migrate, a.receive} {
		c.signal(syscall.SIGCONT)
		select {
		case <-c.ended:
		default:
			c.signal(syscall.SIGINT)
			c.wait()
		}
	}
	a.proxy.Close()
}

// move moves the machine to the other side, without anything in between, and returns how
// long it was away, as others saw it and as it saw itself.
func (m *moving) move(more ...string) (away, stood time.Duration) {
	m.t.Helper()
	from := m.runner()
	to := m.other(from)
	before := m.Do("spin on")
	m.beats.reset()
	pings := m.ping()
	receive, address := to.wait()
	moves := from.start(migrate(m.name, address, append([]string{"--plaintext"}, more...)...)...)
	if code := moves.wait(); code != 0 {
		m.t.Fatalf("%v\n%v", moves, receive)
	}
	if code := receive.wait(); code != 0 {
		m.t.Fatalf("%v\n%v", receive, moves)
	}
	if at := m.runner(); at != to {
		m.t.Fatalf("it runs on side %s", at.name)
	}
	from.nothingIsLeft()
	stood = time.Duration(m.Do("spin off").Gap)
	back, away := pings.End()
	if back == 0 {
		m.t.Errorf("no datagram came back")
	}
	m.t.Logf("%s to %s: away %v (%d datagrams came back), %v without a beat, stood still %v; %s",
		from.name, to.name, away, back, m.beats.longest(), stood, lastLine(moves.stdout.String()))
	m.isItself(before)
	return away, stood
}

func lastLine(text string) string {
	line := ""
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' && i+1 < len(text) {
			line = text[i+1:]
		}
	}
	if line == "" {
		line = text
	}
	return fmt.Sprintf("%.300q", line)
}
