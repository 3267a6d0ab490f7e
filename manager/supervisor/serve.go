package supervisor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// Bounds of connections.
const (
	maxConns    = 256
	maxWaits    = maxConns * 3 / 4 // of them for an end, so that it can be asked for
	requestTime = 10 * time.Second // for a request to come whole
	replyTime   = 10 * time.Second // for a reply to be taken
)

// serve answers requests until the listener is closed.
func (s *supervisor) serve(ctx context.Context) {
	var conns sync.WaitGroup
	defer conns.Wait()
	places, waits := make(chan struct{}, maxConns), make(chan struct{}, maxWaits)
	for {
		conn, err := s.Listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of descriptors or memory: it may pass.
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case places <- struct{}{}:
		default:
			conn.Close() // the client says that the supervisor does not answer
			continue
		}
		conns.Go(func() {
			defer func() { <-places }()
			s.converse(ctx, conn, waits)
		})
	}
}

// emptyReply is the line that says that all went well.
var emptyReply = []byte("{}\n")

// converse answers the one request of a connection. waits holds one for each that
// waits for the instance's end.
func (s *supervisor) converse(ctx context.Context, conn *net.UnixConn, waits chan struct{}) {
	keep := false
	defer func() {
		if !keep {
			conn.Close()
		}
	}()
	_ = conn.SetReadDeadline(time.Now().Add(requestTime)) // fails on a closed one only
	r := bufio.NewReader(conn)
	var q Request
	if err := readLine(r, &q); err != nil {
		s.send(conn, &Reply{Error: failure(&instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("request: %w", err)})})
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	switch {
	case q.Version < 1 || q.Version > ProtocolVersion:
		s.send(conn, &Reply{Error: failure(&instance.Error{
			Kind: instance.KindUnsupported,
			Err:  fmt.Errorf("its supervisor is of a release of hull that speaks version %d of the protocol, and was asked in version %d", ProtocolVersion, q.Version),
		})})
	case q.Op == OpAttach:
		err := s.console.attach(conn, r, q.Input, emptyReply)
		if keep = err == nil; !keep {
			s.send(conn, &Reply{Error: failure(err)})
		}
	case q.Op == OpWait:
		select {
		case waits <- struct{}{}:
			defer func() { <-waits }()
			s.answerWhileThere(ctx, conn, r, q)
		default:
			s.send(conn, &Reply{Error: failure(&instance.Error{Kind: instance.KindBusy, Err: fmt.Errorf("%d wait for its end already", maxWaits)})})
		}
	default:
		s.answerWhileThere(ctx, conn, r, q)
	}
}

// answerWhileThere answers a client that stays for the answer. One that goes away
// leaves its place to others: an instance may run for years, and each look at its
// log may be a wait that was given up.
func (s *supervisor) answerWhileThere(ctx context.Context, conn net.Conn, r io.Reader, q Request) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer cancel()
		_, _ = r.Read(make([]byte, 1)) // nothing follows a request but its connection's end
	}()
	s.send(conn, s.ask(ctx, q))
	conn.Close()
	<-gone
}

// ask has the supervisor's goroutine answer until ctx ends. What is under way by
// then is done all the same.
func (s *supervisor) ask(ctx context.Context, q Request) *Reply {
	a := &asked{Request: q, reply: make(chan *Reply, 1), gone: ctx.Done()}
	select {
	case s.requests <- a:
	case <-ctx.Done():
		return nil
	}
	select {
	case r := <-a.reply:
		return r
	case <-ctx.Done():
		// It may have been answered at the last moment.
		select {
		case r := <-a.reply:
			return r
		default:
			return nil
		}
	}
}

func (s *supervisor) send(conn net.Conn, r *Reply) bool {
	if r == nil {
		return false
	}
	_ = conn.SetWriteDeadline(time.Now().Add(replyTime))
	err := writeLine(conn, r)
	_ = conn.SetWriteDeadline(time.Time{})
	return err == nil
}
