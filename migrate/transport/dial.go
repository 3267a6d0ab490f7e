package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Dial connects to a target, with TLS where config is not nil, and greets it. Its error
// says what the target thinks of this host's certificate.
func Dial(ctx context.Context, a Address, config *tls.Config, o Options) (*Conn, error) {
	c, err := dial(ctx, a, config, o.orDefaults())
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", a, err)
	}
	return c, nil
}

func dial(ctx context.Context, a Address, config *tls.Config, o Options) (*Conn, error) {
	if !a.IsUnix() && (a.Host == "" || a.Port == 0) {
		return nil, errors.New("no host, or no port")
	}
	parent := ctx
	ctx, cancel := context.WithTimeoutCause(ctx, o.Greeting, fmt.Errorf("the target did not answer within %v", o.Greeting))
	defer cancel()
	network, address := a.network()
	plain, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, instead(ctx, cause(err))
	}
	c, err := begin(ctx, plain, o.Lost, func(plain net.Conn) net.Conn {
		if config == nil {
			return plain
		}
		return tls.Client(plain, config)
	})
	if err != nil {
		return nil, instead(ctx, asSource.explain(err))
	}
	if parent.Err() != nil {
		return nil, errors.Join(context.Cause(parent), c.Close())
	}
	return c, nil
}

// begin tunes, shakes hands and greets. It closes plain where that fails or the context ends
// first.
func begin(ctx context.Context, plain net.Conn, lost time.Duration, wrap func(net.Conn) net.Conn) (*Conn, error) {
	c, err := begun(ctx, plain, lost, wrap)
	if err != nil {
		if ctx.Err() == nil {
			letGo(plain)
		}
		plain.Close() // the error is known
		return nil, err
	}
	return c, nil
}

func begun(ctx context.Context, plain net.Conn, lost time.Duration, wrap func(net.Conn) net.Conn) (*Conn, error) {
	stop := interrupt(ctx, plain)
	defer stop()
	if err := tune(plain, lost); err != nil {
		return nil, err
	}
	conn := wrap(plain)
	if t, ok := conn.(*tls.Conn); ok {
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, err
		}
	}
	c := newConn(conn)
	if err := c.Wire.Greet(); err != nil {
		return nil, err
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return c, nil
}

// partingTime and partingBytes are what is read of a connection that is given up, so that the
// other side gets to read the alert that says why: closing one on which something is
// unread would destroy it.
const (
	partingTime  = 500 * time.Millisecond
	partingBytes = 64 << 10
)

func letGo(plain net.Conn) {
	half, ok := plain.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || plain.SetDeadline(time.Now().Add(partingTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, plain, partingBytes) // it ends one way or another
}

// interrupt ends reads and writes when the context ends. stop undoes that, and reports
// whether it was in time.
func interrupt(ctx context.Context, conn net.Conn) (stop func() bool) {
	ended := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(past) // fails for one that is closed
	})
	first, stopped := true, false
	return func() bool {
		if first {
			first, stopped = false, ended()
		}
		return stopped
	}
}

// instead is why the context ended, where it did: what an interrupted call says of it
// helps nobody.
func instead(ctx context.Context, err error) error {
	var late net.Error
	if deadline, ok := ctx.Deadline(); ok && errors.As(err, &late) && late.Timeout() && !time.Now().Before(deadline) {
		<-ctx.Done() // a dialer's own timer can be a moment ahead
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// cause is an error without the address, which is in the message already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
