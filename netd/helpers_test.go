package netd

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/netd/netdtest"
)

// patience is how long tests wait for what has to come.
const patience = 20 * time.Second

// network is a network with a guest on it that has its address.
type network struct {
	*Network
	guest *netdtest.Guest
}

// start starts a network and a guest. All of both is gone at the test's end.
func start(t testing.TB, c Config, change ...func(*Network)) network {
	t.Helper()
	c.GuestMAC = netdtest.MAC
	netdtest.Outside(t, func() {})
	noLeaks(t)
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(n)
	}
	device, socket := netdtest.Sockets(t)
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(context.Background(), socket) }()
	g := netdtest.NewGuest(t, device, n.config.MTU)
	g.SetAddress(guest)
	t.Cleanup(func() {
		g.Close()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the network ended with: %v", err)
			}
		case <-time.After(patience):
			t.Errorf("the network does not end\n%s", stacks())
		}
	})
	return network{n, g}
}

func stacks() string {
	var b strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
	return b.String()
}

// noLeaks fails the test where it leaves goroutines or descriptors behind.
func noLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	t.Cleanup(func() {
		deadline := time.Now().Add(patience)
		for runtime.NumGoroutine() > goroutines || descriptors(t) > files {
			if time.Now().After(deadline) {
				t.Errorf("%d goroutines, %d before; %d descriptors, %d before\n%s",
					runtime.NumGoroutine(), goroutines, descriptors(t), files, stacks())
				return
			}
			runtime.Gosched()
		}
	})
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// echoTCP answers each connection at an address with what it says.
func echoTCP(t testing.TB, at string) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", at)
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
				if _, err := io.Copy(c, c); err == nil {
					_ = c.(*net.TCPConn).CloseWrite()
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// echoUDP answers each datagram at an address with another of the same text.
func echoUDP(t testing.TB, at string) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", at)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(buf[:n], from)
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// outside is an address that a server has on the other host.
func outside(t testing.TB, serve func(testing.TB, string) netip.AddrPort, at string) (a netip.AddrPort) {
	t.Helper()
	netdtest.Outside(t, func() { a = serve(t, net.JoinHostPort(at, "0")) })
	return a
}
