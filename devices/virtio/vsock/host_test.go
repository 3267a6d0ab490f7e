package vsock

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
)

// hostFunc is a Host.
type hostFunc func(ctx context.Context, port uint32) (Socket, error)

func (f hostFunc) Dial(ctx context.Context, port uint32) (Socket, error) { return f(ctx, port) }

// refusing is a host where nothing listens.
var refusing = hostFunc(func(context.Context, uint32) (Socket, error) { return nil, syscall.ECONNREFUSED })

func newPair() (a, b *net.UnixConn, err error) {
	fd, b, err := pair()
	if err != nil {
		return nil, nil, err
	}
	a, err = fdConn(fd)
	return a, b, err
}

// answering is a host that hands the other ends of its connections to accepted.
func answering() (h Host, accepted chan *net.UnixConn) {
	accepted = make(chan *net.UnixConn, 2000)
	return hostFunc(func(context.Context, uint32) (Socket, error) {
		a, b, err := newPair()
		if err != nil {
			return nil, err
		}
		accepted <- b
		return a, nil
	}), accepted
}

// waitContext bounds what should take no time.
func waitContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), 20*time.Second, errors.New("the test waited long enough"))
	t.Cleanup(cancel)
	return ctx
}

// dial connects the monitor to a port of the guest's that listens.
func (g *guest) dial(port uint32) net.Conn {
	g.t.Helper()
	c, err := g.device.Dial(waitContext(g.t), port)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = c.Close() })
	return c
}

// pairUp makes a connection from the monitor to the guest.
func (g *guest) pairUp() (net.Conn, *sock) {
	g.t.Helper()
	g.listen(1)
	c := g.dial(1)
	return c, g.accept(1)
}

// streams waits until the device has n connections.
func (g *guest) wantConnections(n int) {
	g.t.Helper()
	var got int
	devicestest.Eventually(g.t, "connections to end", func() bool {
		got = g.device.Stats().Connections
		return got == n
	})
	if got != n {
		g.t.Errorf("%d connections, want %d", got, n)
	}
}

func fdConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "pair")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}
