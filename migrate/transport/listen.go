package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hullvm/hull/migrate/wire"
)

// Opening is a connection with what its first frame says: a wire.Hello (control), a
// wire.Channel (memory) or a wire.Ask.
type Opening struct {
	*Conn
	First wire.Message
}

// Listener is where sources connect to.
type Listener struct {
	address Address
	inner   net.Listener
	config  *tls.Config
	options Options

	openings chan *Opening
	closing  chan struct{}
	all      sync.WaitGroup // accept, and one for each that is greeted

	mu      sync.Mutex // before what is below
	closed  bool
	pending []*pending // by when they came
}

// pending is a connection before it is anybody's.
type pending struct {
	conn   net.Conn
	cancel context.CancelCauseFunc
}

var (
	// ErrClosed is Accept's error after Close.
	ErrClosed = errors.New("the listener is closed")

	errCrowded = errors.New("others came while nothing was heard of it")
	errUnasked = errors.New("nobody here asked for a connection in time")
)

// acceptPause is how long a listener waits that may make no more connections.
const acceptPause = 50 * time.Millisecond

// Listen waits for sources, which have to speak TLS where config is not nil.
func Listen(ctx context.Context, a Address, config *tls.Config, o Options) (*Listener, error) {
	l, err := listen(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		a.Port = uint16(tcp.Port)
	}
	return serve(l, a, config, o), nil
}

// Serve is Listen on a socket that another process has made, and that it closes. Its
// Address is not known.
func Serve(l net.Listener, config *tls.Config, o Options) *Listener {
	return serve(l, Address{}, config, o)
}

func serve(l net.Listener, a Address, config *tls.Config, o Options) *Listener {
	listener := &Listener{
		address: a, inner: l, config: config, options: o.orDefaults(),
		openings: make(chan *Opening), closing: make(chan struct{}),
	}
	listener.all.Go(listener.serve)
	return listener
}

// Socket makes a socket that listens, and removes one of a unix address that nobody
// listens on any more. Serve, in any process, takes what comes to it.
func Socket(ctx context.Context, a Address) (net.Listener, error) {
	l, err := listen(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", a, err)
	}
	return l, nil
}

func listen(ctx context.Context, a Address) (net.Listener, error) {
	if a.IsUnix() {
		return listenUnix(ctx, a.Path)
	}
	network, address := a.network()
	l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err != nil {
		return nil, cause(err)
	}
	return l, nil
}

// Address is where it listens, with the port that the system chose.
func (l *Listener) Address() Address { return l.address }

// Accept is the next connection that was greeted and has said what it is for. One that
// nobody accepts within the time for greeting is dropped.
func (l *Listener) Accept(ctx context.Context) (*Opening, error) {
	select {
	case o := <-l.openings:
		return o, nil
	case <-l.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close ends listening, removes a unix socket, and ends what nobody has accepted.
func (l *Listener) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		l.all.Wait()
		return nil
	}
	l.closed = true
	close(l.closing)
	for _, p := range l.pending {
		p.cancel(ErrClosed)
	}
	l.mu.Unlock()
	err := l.inner.Close()
	l.all.Wait()
	return err
}

func (l *Listener) serve() {
	for {
		conn, err := l.inner.Accept()
		if err != nil {
			select {
			case <-l.closing:
				return
			case <-time.After(acceptPause): // too many descriptors, mostly
				l.options.Dropped(l.inner.Addr(), fmt.Errorf("accept: %w", cause(err)))
				continue
			}
		}
		ctx, p := l.admit(conn)
		if p == nil {
			conn.Close() // listening has ended
			return
		}
		l.all.Go(func() { l.open(ctx, p) })
	}
}

// admit gives a connection a place: where there is none, that of who has waited longest.
// It is nil after Close.
func (l *Listener) admit(conn net.Conn) (context.Context, *pending) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &pending{conn, cancel}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		cancel(ErrClosed)
		return nil, nil
	}
	if len(l.pending) >= l.options.Pending {
		l.pending[0].cancel(errCrowded)
		l.pending = l.pending[1:]
	}
	l.pending = append(l.pending, p)
	return ctx, p
}

func (l *Listener) leave(p *pending) {
	p.cancel(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, q := range l.pending {
		if q == p {
			l.pending = append(l.pending[:i:i], l.pending[i+1:]...)
			return
		}
	}
}

// open is the whole life of a connection before it is accepted.
func (l *Listener) open(ctx context.Context, p *pending) {
	defer l.leave(p)
	ctx, cancel := context.WithTimeoutCause(ctx, l.options.Greeting, fmt.Errorf("it said nothing of use within %v", l.options.Greeting))
	defer cancel()
	o, err := l.greet(ctx, p.conn)
	if err != nil {
		l.options.Dropped(p.conn.RemoteAddr(), instead(ctx, asTarget.explain(err)))
		return
	}
	select {
	case l.openings <- o:
		return
	case <-ctx.Done():
		if err = context.Cause(ctx); err != ErrClosed && err != errCrowded {
			err = errUnasked
		}
	}
	o.Close() // the error is known
	l.options.Dropped(p.conn.RemoteAddr(), err)
}

// greet reads the first frame.
func (l *Listener) greet(ctx context.Context, plain net.Conn) (*Opening, error) {
	c, err := begin(ctx, plain, l.options.Lost, func(plain net.Conn) net.Conn {
		if l.config == nil {
			return plain
		}
		return tls.Server(plain, l.config)
	})
	if err != nil {
		return nil, err
	}
	first, err := readFirst(ctx, c)
	if err != nil {
		c.Close() // the error is known
		return nil, err
	}
	return &Opening{Conn: c, First: first}, nil
}

func readFirst(ctx context.Context, c *Conn) (wire.Message, error) {
	stop := interrupt(ctx, c.Stream)
	defer stop()
	f, err := c.Wire.Read()
	if err != nil {
		return nil, err
	}
	switch f.Type {
	case wire.TypeHello, wire.TypeChannel, wire.TypeAsk:
	default:
		return nil, fmt.Errorf("a connection does not begin with %v", f.Type)
	}
	m, err := wire.Decode(f)
	if err != nil {
		return nil, err
	}
	if !stop() {
		return nil, context.Cause(ctx)
	}
	return m, nil
}
