package pid1

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"
)

// When a listener fails: how long it is left alone, and how many failures in a
// row make another be opened.
const (
	firstAcceptPause = 5 * time.Millisecond
	mostAcceptPause  = time.Second
	acceptTries      = 3
)

// listenVsock listens on a vsock port. It is bound to no context ID: a machine
// that goes on from a snapshot may have another one than it had.
func listenVsock(port uint32) (net.Listener, error) {
	l, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, port, nil)
	if err != nil {
		return nil, fmt.Errorf("vsock port %d: listen: %w", port, err)
	}
	return l, nil
}

// acceptAll hands each client to serve, until ctx ends. No error is the end: when
// a machine goes on from a snapshot all its connections break at once, those not
// yet accepted included, and the host comes back by this listener or not at all.
func acceptAll(ctx context.Context, l net.Listener, listen func() (net.Listener, error), remark func(string), serve func(net.Conn)) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer func() { stop() }()
	failures, pause := 0, firstAcceptPause
	for ctx.Err() == nil {
		c, err := l.Accept()
		if err == nil {
			failures, pause = 0, firstAcceptPause
			serve(c)
			continue
		}
		if failures++; failures == 1 && ctx.Err() == nil {
			remark(fmt.Sprintf("%v: accept: %v", l.Addr(), err))
		}
		if failures >= acceptTries {
			_ = l.Close() // the port must be free; it may have been closed before
			if fresh, err := listen(); err == nil {
				stop()
				l = fresh
				stop = context.AfterFunc(ctx, func() { fresh.Close() })
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, mostAcceptPause)
	}
}
