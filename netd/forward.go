package netd

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Limits of published ports.
const (
	maxConnections = 1024             // of one port at a time; more wait
	dialTime       = 30 * time.Second // for the guest to answer
	acceptPause    = 100 * time.Millisecond
)

// forward hands a listener's connections to the guest.
type forward struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
}

// run takes connections until ctx ends, which closes the listener.
func (f *forward) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { f.listener.Close() })
	defer stop()
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{}
		c, err := f.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			return
		case err != nil: // descriptors are used up, or the client has gone
			<-slots
			select {
			case <-ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		go func() {
			defer func() { <-slots }()
			f.serve(ctx, c)
		}()
	}
}

// serve joins one connection with the guest's. A guest that does not answer has
// the client see a reset.
func (f *forward) serve(ctx context.Context, client net.Conn) {
	defer client.Close()
	dialCtx, cancel := context.WithTimeout(ctx, dialTime)
	guest, err := f.dial(dialCtx)
	cancel()
	if err != nil {
		if tcp, ok := client.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		return
	}
	defer guest.Close()
	stop := context.AfterFunc(ctx, func() {
		client.Close()
		guest.Close()
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { pass(guest, client) })
	both.Go(func() { pass(client, guest) })
	both.Wait()
}

// halfCloser is a connection of which one direction can end.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// pass copies to the end of from, and ends that direction of to. Where the
// copying fails both are over.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if h, ok := to.(halfCloser); ok && err == nil {
		_ = h.CloseWrite()
		return
	}
	to.Close()
	from.Close()
}
