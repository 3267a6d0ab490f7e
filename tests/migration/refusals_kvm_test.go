package migration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/tests/migration/faultproxy"
	"github.com/hullvm/hull/tests/twohosts"
)

// refused begins a move that must not succeed, and returns what the two sides say. The
// guest stays, and is what it was; the target has nothing of it.
func (m *moving) refused(receive, args []string) string {
	m.t.Helper()
	from := m.runner()
	to := m.other(from)
	before := m.Do("report")
	r := to.start(append([]string{"receive", "--listen", to.address + ":0"}, receive...)...)
	address := r.says(listening)
	c := from.start(migrate(m.name, address, args...)...)
	if code := c.wait(); code == 0 {
		m.t.Fatalf("the move succeeded: %v\n%v", c, r)
	}
	r.signal(syscall.SIGINT)
	r.wait()
	m.isItself(before)
	return c.stderr.String() + r.stderr.String()
}

// TestRefusals asks for moves that cannot be.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	m := w.boot(w.sides[0])
	to := w.sides[1]
	certificates := makeCertificates(t)
	plain := []string{"--plaintext"}
	for _, test := range []struct {
		name             string
		before, after    func()
		receive, migrate []string
		says             string // in what one of the sides says, in lower case
	}{
		{
			name:   "the name is taken",
			before: func() { to.hull("create", "--name", m.name, filepath.Join(w.base, m.name+".toml")) },
			after:  func() { to.hull("rm", m.name) },
			says:   m.name, receive: plain, migrate: plain,
		},
		{
			name:    "a disk is not there",
			receive: append([]string{"--disk", "plain=/nonexistent/disk.img"}, plain...), migrate: plain, says: "/nonexistent/disk.img",
		},
		{
			name:    "a disk of another size",
			before:  func() { w.must(os.WriteFile(filepath.Join(w.base, "small.img"), make([]byte, 1<<20), 0o644)) },
			receive: append([]string{"--disk", "plain=" + filepath.Join(w.base, "small.img")}, plain...), migrate: plain, says: "small.img",
		},
		{
			name:   "the target has no bridge of that name",
			before: func() { w.must(w.network.RenameBridge(to.index, twohosts.Bridge, "other")) },
			after:  func() { w.must(w.network.RenameBridge(to.index, "other", twohosts.Bridge)) },
			says:   twohosts.Bridge, receive: plain, migrate: plain,
		},
		{
			name: "the target has too little memory", receive: plain, migrate: plain,
			before: func() { to.limitMemory("96M") }, after: func() { to.limitMemory("max") },
		},
		{
			name: "plaintext to TLS", receive: certificates.flags("target"), migrate: plain,
		},
		{
			name: "TLS to plaintext", receive: plain, migrate: certificates.flags("source"),
		},
		{
			name: "a target of another authority", receive: certificates.flags("stranger"), migrate: certificates.flags("source"), says: "certificate",
		},
		{
			name: "a source of another authority", receive: certificates.flags("target"), migrate: certificates.flags("stranger"), says: "certificate",
		},
		{
			name: "a source whose certificate has expired", receive: certificates.flags("target"), migrate: certificates.flags("expired"), says: "certificate",
		},
		{
			name: "a target whose certificate has expired", receive: certificates.flags("expired"), migrate: certificates.flags("source"), says: "expired",
		},
		{
			name: "a target whose certificate is another host's", receive: certificates.flags("elsewhere"), migrate: certificates.flags("source"), says: "certificate",
		},
		{
			name: "a downtime that the link does not allow, and little time", receive: plain,
			migrate: append([]string{"--downtime", "1ms", "--bandwidth", "1MiB", "--timeout", "5s"}, plain...),
		},
	} {
		if !wanted(test.name) {
			continue
		}
		t.Logf("=== %s", test.name)
		if test.before != nil {
			test.before()
		}
		said := ""
		if test.name == "the name is taken" {
			said = m.refusedBesides(to)
		} else {
			said = m.refused(test.receive, test.migrate)
		}
		if !strings.Contains(strings.ToLower(said), strings.ToLower(test.says)) {
			t.Errorf("%s: it is said without %q:\n%s", test.name, test.says, said)
		}
		if test.after != nil {
			test.after()
		}
		to.nothingIsLeft()
	}
	t.Log("=== the right certificates")
	from := m.runner()
	r := to.start(append([]string{"receive", "--listen", to.address + ":0"}, certificates.flags("target")...)...)
	c := from.start(migrate(m.name, r.says(listening), certificates.flags("source")...)...)
	if code := c.wait(); code != 0 || r.wait() != 0 {
		t.Fatalf("%v\n%v", c, r)
	}
	from.nothingIsLeft()
	m.move()
	m.end()
}

// refusedBesides is refused for a target that has an instance of the name, which stays.
func (m *moving) refusedBesides(to *side) string {
	m.t.Helper()
	from := m.other(to)
	r := to.start("receive", "--listen", to.address+":0", "--plaintext")
	c := from.start(migrate(m.name, r.says(listening), "--plaintext")...)
	if code := c.wait(); code == 0 {
		m.t.Fatalf("the move succeeded: %v\n%v", c, r)
	}
	r.signal(syscall.SIGINT)
	r.wait()
	if s := from.status(m.name); s != "running" {
		m.t.Errorf("the guest is %q at the source", s)
	}
	if s := to.status(m.name); s != "created" {
		m.t.Errorf("the other of its name is %q", s)
	}
	return c.stderr.String() + r.stderr.String()
}

// TestTwoMovesAtOnce asks for a second move of a machine that moves: to another target, and
// to the same. The first goes on.
func TestTwoMovesAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.boot(w.sides[0])
	before := m.Do("report")
	plan := faultproxy.Plan{Point: faultproxy.Point{Bytes: 1 << 20, Channel: faultproxy.Any}, Fault: faultproxy.Slow, Rate: 64 << 10}
	a := m.attempt(plan)
	m.reached(a, plan)
	other, address := a.to.wait()
	for _, to := range []string{address, a.proxy.Addr()} {
		second := a.from.start(migrate(m.name, to, "--plaintext")...)
		if code := second.wait(); code == 0 {
			t.Errorf("the second move succeeded: %v", second)
		}
	}
	other.signal(syscall.SIGINT)
	other.wait()
	a.proxy.Lift()
	m.ends(a, before, moves)
	m.end()
}

// TestCancel cancels a move in each phase: before the machine is handed over it stays, and
// afterwards it is too late.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	m := w.boot(w.sides[0])
	for _, p := range phases {
		t.Logf("=== %v", p.Point)
		late := p.Frame >= faultproxy.Commit
		a, before, release := m.hold(p.Point)
		cancel := a.from.start("migrate", "--cancel", m.name)
		select {
		case <-cancel.ended:
		case <-time.After(3 * time.Second): // it waits for the frame, which waits for it
		}
		release()
		code := cancel.wait()
		if late && code == 0 {
			t.Errorf("it is cancelled, after it was handed over: %v", cancel)
		}
		may := goesOn
		if late {
			may = arrives
		} else if code != 0 {
			may = either // it came too late, and said so
		}
		m.ends(a, before, may...)
		if late || code != 0 {
			continue
		}
		m.move()
	}
	m.end()
}

// TestCtrlC has the commands interrupted as a person does.
func TestCtrlC(t *testing.T) {
	w := newWorld(t)
	m := w.boot(w.sides[0])
	for _, v := range []victim{victims[2], victims[5]} {
		t.Logf("=== %s", v.name)
		before := m.Do("report")
		plan := faultproxy.Plan{Point: faultproxy.Point{Bytes: 1 << 20, Channel: faultproxy.Any}, Fault: faultproxy.Slow, Rate: 64 << 10}
		a := m.attempt(plan)
		m.reached(a, plan)
		v.signal(a, syscall.SIGINT)
		m.ends(a, before, stays)
		m.move()
	}
	m.end()
}

// limitMemory bounds all that runs on a side.
func (s *side) limitMemory(most string) {
	s.t.Helper()
	s.must(os.WriteFile(filepath.Join(s.Group, "memory.max"), []byte(most), 0))
}
