package netd

import (
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"

	"github.com/hullvm/hull/netd/netdtest"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// heap is what is in use after a collection, in bytes.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestFlowsOfUDPHaveALimit(t *testing.T) {
	n := start(t, Config{}, func(n *Network) { n.flows = newFlows(50) })
	echo := outside(t, echoUDP, netdtest.FarAddress)
	before, files := runtime.NumGoroutine(), descriptors(t)
	for port := range 5000 {
		n.guest.Send(netdtest.UDP(netip.AddrPortFrom(guest, uint16(1024+port)), echo, []byte("x")))
	}
	sendsAndHears(t, n, echo) // though there are so many
	eventually(t, "flows end", func() bool { return runtime.NumGoroutine() <= before+60 && descriptors(t) <= files+60 })
}

func TestIdleFlowsEnd(t *testing.T) {
	n := start(t, Config{})
	echo := outside(t, echoUDP, netdtest.FarAddress)
	sendsAndHears(t, n, echo)
	size := func() int {
		n.flows.mu.Lock()
		defer n.flows.mu.Unlock()
		return len(n.flows.byKey)
	}
	n.flows.expire(time.Now())
	if size() != 1 {
		t.Fatal("a flow that was used just now is gone")
	}
	n.flows.expire(time.Now().Add(flowIdle))
	if size() != 0 {
		t.Error("an idle flow is left")
	}
	eventually(t, "its goroutine ends", func() bool {
		sendsAndHears(t, n, echo)
		return true
	})
}

func TestConnectionsOfTheGuestHaveALimit(t *testing.T) {
	n := start(t, Config{}, func(n *Network) { n.opened = make(slots, 5) })
	server := outside(t, echoTCP, netdtest.FarAddress)
	var conns []*gonet.TCPConn
	for range 5 {
		c, err := n.guest.DialTCP(soon(t), server)
		check(t, err)
		conns = append(conns, c)
	}
	if c, err := n.guest.DialTCP(soon(t), server); err == nil {
		c.Close()
		t.Error("there is one too many")
	}
	for _, c := range conns {
		c.Close()
	}
	eventually(t, "there is room again", func() bool {
		c, err := n.guest.DialTCP(soon(t), server)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// A guest that does not take what it was sent has the connection count until it is
// reset.
func TestConnectionsThatTheGuestLeavesOpen(t *testing.T) {
	n := start(t, Config{}, func(n *Network) { n.lingerTime = time.Second })
	var l net.Listener
	netdtest.Outside(t, func() {
		var err error
		l, err = net.Listen("tcp4", net.JoinHostPort(netdtest.FarAddress, "0"))
		check(t, err)
	})
	defer l.Close()
	c, err := n.guest.DialTCP(soon(t), l.Addr().(*net.TCPAddr).AddrPort())
	check(t, err)
	defer c.Close()
	server, err := l.Accept()
	check(t, err)
	check(t, c.CloseWrite())
	_, err = io.ReadAll(server)
	check(t, err)
	check(t, disable(n))
	_, err = server.Write(make([]byte, 10000))
	check(t, err)
	server.Close()
	eventually(t, "it is reset", func() bool {
		count, there := len(n.opened), len(n.stack.RegisteredEndpoints())
		if count == 0 && there > 0 {
			t.Fatal("a connection is left that does not count")
		}
		return count == 0
	})
}

// A guest asks for connections, and says nothing to what comes of it.
func TestAFloodOfConnectionsThatAreNotMeant(t *testing.T) {
	n := start(t, Config{})
	server := outside(t, echoTCP, netdtest.FarAddress)
	for port := range 20000 {
		n.guest.Send(netdtest.SYN(netip.AddrPortFrom(guest.Next(), uint16(1024+port)), server))
		if open := len(n.opened); open > maxStarting {
			t.Fatalf("%d connections are being opened", open)
		}
	}
	// The gateway is there still, though all that may begin at a time has begun.
	sendsAndHears(t, n, outside(t, echoUDP, netdtest.FarAddress))
}

// A host that does not answer keeps no others waiting.
func TestHostsThatDoNotAnswer(t *testing.T) {
	n := start(t, Config{})
	// The listener's queue is full, and so the kernel drops what comes.
	silent := outside(t, func(t testing.TB, at string) netip.AddrPort {
		l, err := net.Listen("tcp4", at)
		check(t, err)
		t.Cleanup(func() { l.Close() })
		return l.Addr().(*net.TCPAddr).AddrPort()
	}, netdtest.FarAddress)
	unreachable := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.99"), silent.Port()) // nobody has the address
	for port := range 100 {
		n.guest.Send(netdtest.SYN(netip.AddrPortFrom(guest, uint16(1024+port)), unreachable))
	}
	c, err := n.guest.DialTCP(soon(t), outside(t, echoTCP, netdtest.FarAddress))
	check(t, err)
	defer c.Close()
	echoes(t, c, 1000)
}

// A guest that takes nothing has what it asked for lost, and stops nobody.
func TestAGuestThatReadsNothing(t *testing.T) {
	noLeaks(t)
	netdtest.Outside(t, func() {})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	n, err := New(Config{GuestMAC: netdtest.MAC, TCP: []PublishedTCP{{Listener: l, Guest: 80}}})
	check(t, err)
	n.dialTime = time.Second
	device, socket := netdtest.Sockets(t)
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(context.Background(), socket) }()
	defer func() {
		device.Close()
		select {
		case err := <-ended:
			check(t, err)
		case <-time.After(patience):
			t.Errorf("it does not end\n%s", stacks())
		}
	}()
	// Each question has an answer.
	from, server := netip.AddrPortFrom(guest, 5000), outside(t, echoUDP, netdtest.FarAddress)
	for range 20000 {
		for _, frame := range [][]byte{
			netdtest.ARP(guest, gateway),
			netdtest.UDP(from, server, make([]byte, 1000)),
			netdtest.SYN(from, gatewayPort(81)),
		} {
			if _, err := device.Write(frame); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := dial(t, l.Addr().String())
	deadline, _ := soon(t).Deadline()
	check(t, c.SetDeadline(deadline))
	if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a client reads: %v", err)
	}
	if used := heap(); used > 64<<20 {
		t.Errorf("%d bytes are in use", used)
	}
}

// Fragments that are never whole are forgotten.
func TestFragmentsTakeLittle(t *testing.T) {
	n := start(t, Config{})
	before := heap()
	for id := range 1 << 16 {
		f := netdtest.IPv4(guest, netip.MustParseAddr(netdtest.FarAddress), protocolUDP, make([]byte, 1400))
		f[ethHeader+4], f[ethHeader+5] = byte(id>>8), byte(id)
		f[ethHeader+6] = 0x20 // more fragments
		netdtest.FixHeader(f)
		n.guest.Send(f)
	}
	sendsAndHears(t, n, outside(t, echoUDP, netdtest.FarAddress))
	if after := heap(); after > before+32<<20 {
		t.Errorf("%d bytes more are in use", after-before)
	}
}

// The buffers of many connections are together not much more than those of few.
func TestBuffersAreShared(t *testing.T) {
	sum := 0
	for open := 1; open <= maxOpened; open++ {
		s := share(open)
		if s < minBuffer || s > maxBuffer {
			t.Fatalf("%d bytes of %d connections", s, open)
		}
		sum += 2*s + 2*copySize(s)
	}
	if want := 12 * allBuffers; sum > want {
		t.Errorf("%d bytes at most, want no more than %d", sum, want)
	}
}

// What a guest sends beyond its own address is lost, before anything else.
func TestOnlyTheGuestsOwnFramesPass(t *testing.T) {
	f, ok := newFilter(Config{GuestMAC: netdtest.MAC, MTU: 1500})
	if !ok {
		t.Fatal("no filter")
	}
	away := netip.MustParseAddr("192.0.2.1")
	good := netdtest.IPv4(guest, away, protocolTCP, make([]byte, 20))
	with := func(b []byte, at int, bytes ...byte) []byte {
		b = append([]byte(nil), b...)
		copy(b[at:], bytes)
		return b
	}
	for name, c := range map[string]struct {
		frame []byte
		want  bool
	}{
		"TCP":                    {good, true},
		"UDP":                    {netdtest.IPv4(guest, away, protocolUDP, make([]byte, 8)), true},
		"another of its own":     {netdtest.IPv4(netip.MustParseAddr("10.0.2.99"), away, protocolUDP, nil), true},
		"ping of the gateway":    {netdtest.IPv4(guest, gateway, protocolICMP, make([]byte, 8)), true},
		"ping of another":        {netdtest.IPv4(guest, away, protocolICMP, make([]byte, 8)), false},
		"SCTP":                   {netdtest.IPv4(guest, away, 132, make([]byte, 20)), false},
		"IGMP":                   {netdtest.IPv4(guest, netip.MustParseAddr("224.0.0.22"), 2, make([]byte, 8)), false},
		"multicast":              {netdtest.IPv4(guest, netip.MustParseAddr("224.0.0.251"), protocolUDP, nil), false},
		"from the gateway":       {netdtest.IPv4(gateway, away, protocolTCP, make([]byte, 20)), false},
		"from the host loopback": {netdtest.IPv4(hostLoop, away, protocolTCP, make([]byte, 20)), false},
		"from elsewhere":         {netdtest.IPv4(away, gateway, protocolTCP, make([]byte, 20)), false},
		"from loopback":          {netdtest.IPv4(loopback, away, protocolTCP, make([]byte, 20)), false},
		"DHCP":                   {netdtest.IPv4(netip.IPv4Unspecified(), everyone, protocolUDP, nil), true},
		"TCP to all":             {netdtest.IPv4(guest, everyone, protocolTCP, make([]byte, 20)), false},
		"no address to one":      {netdtest.IPv4(netip.IPv4Unspecified(), away, protocolUDP, nil), false},
		"another MAC":            {with(good, ethSrc, 0x52, 0x54, 0, 0x12, 0x34, 0x57), false},
		"to another MAC":         {with(good, ethDst, 2, 0, 0, 0, 0, 1), false},
		"to all":                 {with(good, ethDst, 255, 255, 255, 255, 255, 255), true},
		"IPv6":                   {with(good, ethType, 0x86, 0xdd), false},
		"VLAN":                   {with(good, ethType, 0x81, 0x00), false},
		"IP of version 6":        {with(good, ipVersion, 0x65), false},
		"question for gateway":   {netdtest.ARP(guest, gateway), true},
		"question for loopback":  {netdtest.ARP(guest, hostLoop), false},
		"question for itself":    {netdtest.ARP(netip.IPv4Unspecified(), guest), false},
		"answer":                 {with(netdtest.ARP(guest, gateway), arpOp, 0, 2), false},
		"short ARP":              {netdtest.ARP(guest, gateway)[:arpEnd-1], false},
		"ARP of another MAC":     {with(netdtest.ARP(guest, gateway), arpSender, 2), false},
		"ARP of other sizes":     {with(netdtest.ARP(guest, gateway), arpSizes, 8), false},
		"no header":              {good[:ethHeader], false},
		"half a header":          {good[:ipHeader-1], false},
		"half an Ethernet one":   {good[:ethHeader-1], false},
		"nothing":                {nil, false},
		"the largest":            {append(good, make([]byte, ethHeader+1500-len(good))...), true},
		"one byte more":          {append(good, make([]byte, ethHeader+1501-len(good))...), false},
	} {
		if got := f.pass(c.frame); got != c.want {
			t.Errorf("%s: passes: %v, want %v", name, got, c.want)
		}
	}
	f.hostLoopback = true
	if !f.pass(netdtest.ARP(guest, hostLoop)) {
		t.Error("question for loopback, where there is one: does not pass")
	}
}

// An empty message is not the end of the socket.
func TestEmptyMessagesAreNoEnd(t *testing.T) {
	n := start(t, Config{})
	for range 10 {
		n.guest.Send(nil)
	}
	sendsAndHears(t, n, outside(t, echoUDP, netdtest.FarAddress))
}

func TestWhatIsNoNetwork(t *testing.T) {
	for name, c := range map[string]Config{
		"small MTU":     {GuestMAC: netdtest.MAC, MTU: 67},
		"large MTU":     {GuestMAC: netdtest.MAC, MTU: 65536},
		"no MAC":        {},
		"multicast MAC": {GuestMAC: "01:00:00:00:00:00"},
		"long MAC":      {GuestMAC: "02:00:00:00:00:00:00:01"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
}
