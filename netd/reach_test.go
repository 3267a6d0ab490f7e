package netd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/netd/netdtest"
)

// forbidden are addresses at which the tests' servers listen, or would hear, and
// whether the guest reaches them where it may reach the host's loopback.
var forbidden = []struct {
	name, address string
	withLoopback  bool
}{
	{"loopback", "127.0.0.1", false},
	{"another loopback address", "127.3.2.1", false},
	{"no address", "0.0.0.0", false},
	{"this network", "0.0.0.1", false},
	{"link-local metadata", netdtest.MetadataOne, false},
	{"other metadata", netdtest.MetadataTwo, false},
	{"the host's own address", netdtest.HostAddress, true},
	{"the host's second address", netdtest.SecondAddress, true},
	{"the host's broadcast address", netdtest.Broadcast, false},
	{"broadcast", "255.255.255.255", false},
	{"multicast", "224.0.0.251", false},
	{"the host's loopback by its name here", HostLoop, true},
	{"the gateway", Gateway, false},
	{"nobody", "10.0.2.99", false},
	{"itself", Guest, false},
}

// listener hears what comes to a port of any of the host's addresses.
type listener struct {
	tcp  *net.TCPListener
	udp  *net.UDPConn
	port uint16
}

func listen(t *testing.T) listener {
	t.Helper()
	tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{})
	check(t, err)
	t.Cleanup(func() { tcp.Close() })
	port := tcp.Addr().(*net.TCPAddr).Port
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
	check(t, err)
	t.Cleanup(func() { udp.Close() })
	ifi, err := net.InterfaceByName("host0")
	check(t, err)
	check(t, control(udp, func(fd int) error {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: [4]byte{224, 0, 0, 251}, Ifindex: int32(ifi.Index)})
	}))
	return listener{tcp, udp, uint16(port)}
}

func control(c syscall.Conn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(cerr, err)
}

// heard reports whether there is a connection, or a datagram, that nobody took
// yet. One that is due may take its time.
func heard(t *testing.T, c syscall.Conn, due bool) bool {
	t.Helper()
	p := []unix.PollFd{{Events: unix.POLLIN}}
	wait := 0
	if due {
		wait = int(patience.Milliseconds())
	}
	check(t, control(c, func(fd int) error {
		p[0].Fd = int32(fd)
		_, err := unix.Poll(p, wait)
		return err
	}))
	return p[0].Revents&unix.POLLIN != 0
}

// dials keeps where a network connects to.
type dials struct {
	mu sync.Mutex
	to []string
}

func (d *dials) watch(n *Network) {
	n.dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.to = append(d.to, address)
		return nil
	}
}

func (d *dials) include(at netip.AddrPort) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, to := range d.to {
		if to == at.String() {
			return true
		}
	}
	return false
}

func TestTheGuestReachesNothingOfTheHost(t *testing.T) {
	for _, withLoopback := range []bool{false, true} {
		t.Run(fmt.Sprintf("loopback %v", withLoopback), func(t *testing.T) {
			l := listen(t)
			var d dials
			n := start(t, Config{HostLoopback: withLoopback}, d.watch)
			allowed, echo := outside(t, echoTCP, netdtest.FarAddress), outside(t, echoUDP, netdtest.FarAddress)
			for i, f := range forbidden {
				t.Run(f.name, func(t *testing.T) {
					want := withLoopback && f.withLoopback
					from := netip.AddrPortFrom(guest, uint16(20000+i))
					to := netip.AddrPortFrom(netip.MustParseAddr(f.address), l.port)
					n.guest.Send(netdtest.UDP(from, to, []byte("x")))
					n.guest.Send(netdtest.SYN(from, to))
					// What is sent later is served later, or not much earlier.
					sendsAndHears(t, n, echo)
					for range 3 {
						c, err := n.guest.DialTCP(soon(t), allowed)
						check(t, err)
						echoes(t, c, 1000)
						c.Close()
					}
					if got := heard(t, l.udp, want); got != want {
						t.Errorf("a datagram is heard: %v, want %v", got, want)
					}
					if got := heard(t, l.tcp, want); got != want {
						t.Errorf("there is a connection: %v, want %v", got, want)
					}
					if !want && d.include(to) {
						t.Errorf("it was connected to")
					}
					if want {
						c, err := l.tcp.Accept()
						check(t, err)
						c.Close()
						_, _, err = l.udp.ReadFromUDP(make([]byte, 10))
						check(t, err)
					}
				})
			}
		})
	}
}

// sendsAndHears has the guest send a datagram to a server that answers, again
// where one is lost.
func sendsAndHears(t *testing.T, n network, server netip.AddrPort) {
	t.Helper()
	c, err := n.guest.DialUDP(server)
	check(t, err)
	defer c.Close()
	buf := make([]byte, 100)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		_, err = c.Write([]byte("hello"))
		check(t, err)
		check(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		got, err := c.Read(buf)
		if err == nil && string(buf[:got]) == "hello" {
			return
		}
	}
	t.Fatal("no answer")
}

// The servers of the test above are there: who is on the host reaches them.
func TestTheHostReachesItself(t *testing.T) {
	netdtest.Outside(t, func() {})
	l := listen(t)
	for _, f := range forbidden {
		to := netip.AddrPortFrom(netip.MustParseAddr(f.address), l.port)
		switch a := to.Addr(); {
		case subnet.Contains(a) || a == netip.MustParseAddr("0.0.0.1"):
			continue
		case !a.IsMulticast() && a != everyone && f.address != netdtest.Broadcast:
			c, err := net.Dial("tcp4", to.String())
			if err != nil {
				t.Errorf("%s: %v", f.name, err)
				continue
			}
			c.Close()
			if !heard(t, l.tcp, false) {
				t.Errorf("%s: no connection", f.name)
				continue
			}
			c, err = l.tcp.Accept()
			check(t, err)
			c.Close()
		}
		c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
		check(t, err)
		if to.Addr().IsMulticast() {
			check(t, control(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 1) }))
		}
		_, err = c.Write([]byte("x"))
		check(t, err)
		c.Close()
		if !heard(t, l.udp, false) {
			t.Errorf("%s: no datagram", f.name)
			continue
		}
		_, _, err = l.udp.ReadFromUDP(make([]byte, 10))
		check(t, err)
	}
}

// A datagram that was damaged goes nowhere.
func TestChecksumsAreChecked(t *testing.T) {
	n := start(t, Config{})
	var heard net.PacketConn
	netdtest.Outside(t, func() {
		var err error
		heard, err = net.ListenPacket("udp4", net.JoinHostPort(netdtest.FarAddress, "0"))
		check(t, err)
	})
	defer heard.Close()
	to := heard.LocalAddr().(*net.UDPAddr).AddrPort()
	bad := netdtest.UDP(netip.AddrPortFrom(guest, 5000), to, []byte("bad"))
	bad[len(bad)-1]++
	n.guest.Send(bad)
	n.guest.Send(netdtest.UDP(netip.AddrPortFrom(guest, 5000), to, []byte("good")))
	deadline, _ := soon(t).Deadline()
	check(t, heard.SetDeadline(deadline))
	buf := make([]byte, 10)
	if got, _, err := heard.ReadFrom(buf); err != nil || string(buf[:got]) != "good" {
		t.Errorf("got %q, %v", buf[:got], err)
	}
}

func TestTheGuestIsAnsweredByTheGatewayAlone(t *testing.T) {
	for _, withLoopback := range []bool{false, true} {
		n := start(t, Config{HostLoopback: withLoopback})
		answered := make(map[netip.Addr]bool)
		var mu sync.Mutex
		n.guest.See(func(frame []byte) {
			if len(frame) >= arpEnd && frame[ethType] == 8 && frame[ethType+1] == 6 {
				mu.Lock()
				defer mu.Unlock()
				answered[netip.AddrFrom4([4]byte(frame[arpSender+6:]))] = true
			}
		})
		for a := subnet.Addr(); subnet.Contains(a); a = a.Next() {
			n.guest.Send(netdtest.ARP(guest, a))
		}
		sendsAndHears(t, n, outside(t, echoUDP, netdtest.FarAddress))
		mu.Lock()
		want := map[netip.Addr]bool{gateway: true}
		if withLoopback {
			want[hostLoop] = true
		}
		if fmt.Sprint(answered) != fmt.Sprint(want) {
			t.Errorf("answers for %v, want %v", answered, want)
		}
		mu.Unlock()
	}
}
