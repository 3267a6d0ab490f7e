package netd

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/hullvm/hull/netd/netdtest"
)

// nameServer is a name server of the host: it knows one name, with an answer that
// does not fit a datagram where it is asked for TXT.
func nameServer(t *testing.T, at string) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", at)
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answer(buf[:n], false), from)
		}
	}()
	l, err := net.Listen("tcp4", at)
	check(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					q, err := readMessage(c)
					if err != nil {
						return
					}
					a := answer(q[2:], true)
					_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
				}
			}()
		}
	}()
}

func answer(query []byte, whole bool) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m.Additionals = nil
	m.Response, m.RecursionAvailable = true, true
	h := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 5}
	switch {
	case q.Name.String() != "server.test.":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: h, Body: &dnsmessage.AResource{A: [4]byte{203, 0, 113, 7}}}}
	case q.Type == dnsmessage.TypeTXT && whole:
		for i := range 50 {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.TXTResource{TXT: []string{fmt.Sprintf("text %d %100d", i, i)}}})
		}
	case q.Type == dnsmessage.TypeTXT:
		m.Truncated = true
	}
	b, _ := m.Pack()
	return b
}

// guestResolver is a resolver in the guest.
func guestResolver(n network) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, kind, _ string) (net.Conn, error) {
		if kind == "tcp" {
			return n.guest.DialTCP(ctx, gatewayPort(dnsPort))
		}
		return n.guest.DialUDP(gatewayPort(dnsPort))
	}}
}

func TestTheGuestResolvesNames(t *testing.T) {
	netdtest.Resolvers(t, "nameserver 127.0.0.53\n")
	nameServer(t, "127.0.0.53:53")
	n := start(t, Config{})
	r := guestResolver(n)
	got, err := r.LookupNetIP(soon(t), "ip4", "server.test.")
	if want := netip.MustParseAddr(netdtest.FarAddress); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	var missing *net.DNSError
	if _, err := r.LookupHost(soon(t), "other.test."); err == nil {
		t.Error("another name is found")
	} else if missing, _ = err.(*net.DNSError); missing == nil || !missing.IsNotFound {
		t.Errorf("another name: %v", err)
	}
	txt, err := r.LookupTXT(soon(t), "server.test.")
	if err != nil || len(txt) != 50 {
		t.Errorf("by TCP: %d texts, %v", len(txt), err)
	}
}

func TestANameServerThatDoesNotAnswerGivesWayToTheNext(t *testing.T) {
	netdtest.Resolvers(t, "# comment\nnameserver 127.0.0.54\nnameserver 127.0.0.53\n")
	nameServer(t, "127.0.0.53:53")
	n := start(t, Config{})
	c, err := n.guest.DialUDP(gatewayPort(dnsPort))
	check(t, err)
	defer c.Close()
	deadline, _ := soon(t).Deadline()
	check(t, c.SetDeadline(deadline))
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("server.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	query, err := m.Pack()
	check(t, err)
	for range 2 { // the second one after a while
		_, err = c.Write(query)
		check(t, err)
		sendsAndHears(t, n, outside(t, echoUDP, netdtest.FarAddress))
		n.names.mu.Lock()
		n.names.asked = n.names.asked.Add(-dnsRetry)
		n.names.mu.Unlock()
	}
	buf := make([]byte, 512)
	got, err := c.Read(buf)
	check(t, err)
	if err := m.Unpack(buf[:got]); err != nil || len(m.Answers) != 1 {
		t.Errorf("got %v, %v", m, err)
	}
}

func TestOnlyQuestionsReachTheNameServer(t *testing.T) {
	question := func(change func(*dnsmessage.Message)) []byte {
		m := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: 1, RecursionDesired: true},
			Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("server.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
		}
		change(&m)
		b, err := m.Pack()
		check(t, err)
		return b
	}
	good := question(func(*dnsmessage.Message) {})
	for name, c := range map[string]struct {
		message []byte
		want    bool
	}{
		"question":     {good, true},
		"HTTPS record": {question(func(m *dnsmessage.Message) { m.Questions[0].Type = 65 }), true},
		"update":       {question(func(m *dnsmessage.Message) { m.OpCode = 5 }), false},
		"notify":       {question(func(m *dnsmessage.Message) { m.OpCode = 4 }), false},
		"answer":       {question(func(m *dnsmessage.Message) { m.Response = true }), false},
		"zone":         {question(func(m *dnsmessage.Message) { m.Questions[0].Type = dnsmessage.TypeAXFR }), false},
		"changes":      {question(func(m *dnsmessage.Message) { m.Questions[0].Type = 251 }), false},
		"two":          {question(func(m *dnsmessage.Message) { m.Questions = append(m.Questions, m.Questions[0]) }), false},
		"none":         {question(func(m *dnsmessage.Message) { m.Questions = nil }), false},
		"cut":          {good[:len(good)-3], false},
		"empty":        {nil, false},
	} {
		if got := isQuery(c.message); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestTheNameServerByTCPTakesOnlyQuestions(t *testing.T) {
	netdtest.Resolvers(t, "nameserver 127.0.0.53\n")
	nameServer(t, "127.0.0.53:53")
	n := start(t, Config{})
	c, err := n.guest.DialTCP(soon(t), gatewayPort(dnsPort))
	check(t, err)
	defer c.Close()
	_, err = c.Write([]byte("\x00\x0cnot a query."))
	check(t, err)
	if got, err := io.ReadAll(c); len(got) > 0 {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestResolvConf(t *testing.T) {
	at := func(s ...string) (a []netip.AddrPort) {
		for _, s := range s {
			a = append(a, netip.MustParseAddrPort(s))
		}
		return a
	}
	for text, want := range map[string][]netip.AddrPort{
		"":                                       at("127.0.0.1:53"),
		"search example.org\noptions rotate\n":   at("127.0.0.1:53"),
		"nameserver 192.0.2.1":                   at("192.0.2.1:53"),
		"  nameserver\t192.0.2.1 # first\n":      at("192.0.2.1:53"),
		"nameserver x\nnameserver 2001:db8::1\n": at("[2001:db8::1]:53"),
		"nameserver ::ffff:192.0.2.1\n":          at("192.0.2.1:53"),
		"#nameserver 192.0.2.1\n":                at("127.0.0.1:53"),
		"nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4": at("1.1.1.1:53", "2.2.2.2:53", "3.3.3.3:53"),
	} {
		if got := parseServers([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestTheResolverFollowsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	r, err := newResolver(path)
	check(t, err)
	now := r.read
	steps := []struct {
		text  string // "-" removes the file
		after time.Duration
		want  string
	}{
		{"", 0, "127.0.0.1:53"},
		{"nameserver 192.0.2.1\nnameserver 192.0.2.2", 0, "127.0.0.1:53"},
		{"", confEvery, "192.0.2.1:53"},
		{"-", confEvery, "192.0.2.1:53"},
		{"nameserver 192.0.2.3", confEvery, "192.0.2.3:53"},
	}
	for i, s := range steps {
		switch s.text {
		case "":
		case "-":
			check(t, os.Remove(path))
		default:
			check(t, os.WriteFile(path, []byte(s.text), 0o644))
		}
		now = now.Add(s.after)
		got := r.ask(now)
		if got.String() != s.want {
			t.Errorf("step %d: %v, want %s", i, got, s.want)
		}
		r.answered(got)
	}
}
