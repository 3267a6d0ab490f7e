package faultproxy

import (
	"errors"
	"io"
	"net"
	"sync"
)

// maxKept is how much of what the source sends on a connection is kept to be sent again,
// in bytes.
const maxKept = 1 << 20

// Proxy hands connections of a source on to a target, and has one plan.
type Proxy struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	plan     Plan
	reached  chan struct{}
	work     sync.WaitGroup

	mu       sync.Mutex
	changed  *sync.Cond // of what is below
	links    map[*link]bool
	channels int
	counted  map[Type]int
	seen     []Type
	memory   int64 // bytes
	claimed  bool  // somebody has come to the point
	struck   bool
	lifted   bool
	closed   bool
}

// New has a proxy take what connects to a listener. dial connects to the target. The proxy
// closes the listener.
func New(l net.Listener, dial func() (net.Conn, error), plan Plan) *Proxy {
	p := &Proxy{
		listener: l, dial: dial, plan: plan, reached: make(chan struct{}),
		links: make(map[*link]bool), counted: make(map[Type]int),
	}
	p.changed = sync.NewCond(&p.mu)
	p.work.Go(p.accept)
	return p
}

// Addr is where the source connects to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Reached is closed when the plan's point was reached and its fault has struck.
func (p *Proxy) Reached() <-chan struct{} { return p.reached }

// Lift ends what lasts of a fault: the link is up, and as fast as it is. The point counts
// no more.
func (p *Proxy) Lift() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lifted = true
	p.changed.Broadcast()
}

// Seen are the types of the frames that have come on connections for control and for
// questions, both ways, but Alive.
func (p *Proxy) Seen() []Type {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Type(nil), p.seen...)
}

// MemoryBytes is how much has come on connections for memory from the source.
func (p *Proxy) MemoryBytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.memory
}

// Close resets all connections, and waits until nothing of the proxy runs.
func (p *Proxy) Close() {
	_ = p.listener.Close() // it is not used again
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	p.mu.Unlock()
	p.cut()
	p.work.Wait()
}

// cut resets all connections that there are.
func (p *Proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		reset(l.source)
		reset(l.target)
	}
}

// reset closes a connection so that the other end sees an error, and loses what it has
// not read.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a unix socket's other end sees a plain end
	}
	_ = c.Close()
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if p.down() {
			reset(c)
			continue
		}
		p.work.Go(func() { p.join(c) })
	}
}

// down is whether the link is.
func (p *Proxy) down() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed || p.plan.Refuse && p.struck && !p.lifted
}

// join hands one connection on until both ways have ended.
func (p *Proxy) join(source net.Conn) {
	target, err := p.dial()
	if err != nil {
		reset(source)
		return
	}
	l := &link{proxy: p, source: source, target: target, channel: notMemory}
	p.mu.Lock()
	p.links[l] = true
	closed := p.closed
	p.mu.Unlock()
	if closed {
		reset(source)
		reset(target)
	}
	var both sync.WaitGroup
	both.Go(func() { l.pass(target, source, true) })
	both.Go(func() { l.pass(source, target, false) })
	both.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
	_ = source.Close()
	_ = target.Close()
}

// repeat sends again what a link's source has sent, on a connection of its own, and reads
// what is answered until that is closed.
func (p *Proxy) repeat(sent []byte) {
	c, err := p.dial()
	if err != nil {
		return
	}
	l := &link{proxy: p, source: c, target: c}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	p.work.Go(func() {
		if _, err := c.Write(sent); err == nil {
			_, _ = io.Copy(io.Discard, c) // its end is all that matters
		}
		_ = c.Close()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	})
}
