package pid1

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// brittle is a listener that gives what it is told to.
type brittle struct {
	accepts chan error // nil: a connection
	closed  chan struct{}
}

func newBrittle(accepts ...error) *brittle {
	b := &brittle{accepts: make(chan error, 100), closed: make(chan struct{})}
	for _, err := range accepts {
		b.accepts <- err
	}
	return b
}

func (b *brittle) Accept() (net.Conn, error) {
	select {
	case err := <-b.accepts:
		if err != nil {
			return nil, err
		}
		here, _ := net.Pipe()
		return here, nil
	case <-b.closed:
		return nil, net.ErrClosed
	}
}

func (b *brittle) Close() error {
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

func (b *brittle) Addr() net.Addr { return &net.UnixAddr{Name: "brittle", Net: "unix"} }

func TestNoErrorEndsTheListener(t *testing.T) {
	reset, none := error(unix.ECONNRESET), error(nil)
	first := newBrittle(none, reset, none, reset, reset, unix.EMFILE)
	third := newBrittle(none)
	opened := 0
	listen := func() (net.Listener, error) {
		select {
		case <-first.closed:
		default:
			t.Error("the port is asked for, and not free")
		}
		if opened++; opened == 1 {
			return nil, unix.EADDRINUSE
		}
		return third, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served, over := make(chan struct{}, 10), make(chan struct{})
	var remarks []string
	go func() {
		defer close(over)
		acceptAll(ctx, first, listen, func(s string) { remarks = append(remarks, s) }, func(c net.Conn) {
			c.Close()
			served <- struct{}{}
		})
	}()
	for i := range 3 {
		select {
		case <-served:
		case <-time.After(time.Minute):
			t.Fatalf("%d of 3 clients were accepted", i)
		}
	}
	cancel()
	<-over
	if opened != 2 || len(remarks) != 2 {
		t.Errorf("opened %d times with %q", opened, remarks)
	}
	if _, err := third.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the last listener is still open: %v", err)
	}
}
