package faultproxy

import (
	"errors"
	"io"
	"net"
	"time"
)

// notMemory is the channel of a connection that is not for memory.
const notMemory = -2

// chunk is how much is handed on at once: less than a frame, so that a fault strikes within
// one.
const chunk = 16 << 10

// link is one connection of the source, and what it is handed on to.
type link struct {
	proxy          *Proxy
	source, target net.Conn
	channel        int    // used under the proxy's lock
	sent           int64  // bytes of the source on a memory connection; used under the lock
	kept           []byte // what the source has sent; used by its pass only
}

// errHalf ends one way.
var errHalf = errors.New("closed one way")

// pass hands one way on until it ends. An end is handed on as one; an error resets both.
func (l *link) pass(to, from net.Conn, bySource bool) {
	err := l.frames(to, from, bySource)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, errHalf) {
		if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			if errors.Is(err, errHalf) {
				_, _ = io.Copy(io.Discard, from) // it goes on, and nobody hears
			}
			return
		}
	}
	reset(from)
	reset(to)
}

func (l *link) frames(to, from net.Conn, bySource bool) error {
	if err := l.raw(to, from, preambleSize, bySource, nil); err != nil {
		return err
	}
	var b [headSize]byte
	for first := true; ; first = false {
		if _, err := io.ReadFull(from, b[:]); err != nil {
			return err
		}
		h, ok := parseHead(&b)
		if !ok { // no frame: whoever reads it is to say so
			if err := l.write(to, b[:], bySource); err != nil {
				return err
			}
			return l.raw(to, from, -1, bySource, nil)
		}
		if first && bySource {
			l.isFor(h.kind)
		}
		if err := l.frame(to, from, h, &b, bySource); err != nil {
			return err
		}
	}
}

// frame hands one on.
func (l *link) frame(to, from net.Conn, h head, b *[headSize]byte, bySource bool) error {
	here := l.proxy.at(l, h.kind)
	var change func([]byte)
	if here && l.proxy.plan.Fault == Corrupt {
		l.proxy.strike()
		change = func(p []byte) { p[len(p)/2] ^= 0x10 }
		if h.length == 0 {
			change(b[:])
		}
	} else if here && !l.proxy.plan.After {
		if err := l.strike(bySource); err != nil {
			return err
		}
	}
	if err := l.write(to, b[:], bySource); err != nil {
		return err
	}
	if err := l.raw(to, from, h.length, bySource, change); err != nil {
		return err
	}
	if here && l.proxy.plan.After && change == nil {
		return l.strike(bySource)
	}
	return nil
}

// raw hands n bytes on, or all where n is negative. change is applied to the first piece.
func (l *link) raw(to, from net.Conn, n int, bySource bool, change func([]byte)) error {
	b := make([]byte, chunk)
	for n != 0 {
		most := len(b)
		if n > 0 {
			most = min(n, most)
		}
		got, err := from.Read(b[:most])
		if got > 0 {
			if change != nil {
				change(b[:got])
				change = nil
			}
			if err := l.write(to, b[:got], bySource); err != nil {
				return err
			}
			if n > 0 {
				n -= got
			}
		}
		if err != nil && n != 0 {
			return err
		}
	}
	return nil
}

// write hands bytes on when they may pass.
func (l *link) write(to net.Conn, b []byte, bySource bool) error {
	if bySource && len(l.kept)+len(b) <= maxKept {
		l.kept = append(l.kept, b...)
	}
	if bySource && l.proxy.counts(l, len(b)) {
		if l.proxy.plan.Fault == Corrupt {
			b[len(b)/2] ^= 0x10
		}
		if err := l.strike(bySource); err != nil {
			return err
		}
	}
	if err := l.proxy.gate(len(b)); err != nil {
		return err
	}
	_, err := to.Write(b)
	return err
}

// strike has the plan's fault happen on this link.
func (l *link) strike(bySource bool) error {
	p := l.proxy
	p.strike()
	switch p.plan.Fault {
	case Cut:
		p.cut()
		return net.ErrClosed
	case HalfClose:
		return errHalf
	case Duplicate:
		if bySource {
			p.repeat(append([]byte(nil), l.kept...))
		}
	}
	return nil
}

// isFor learns what a connection is for by its first frame.
func (l *link) isFor(t Type) {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if t == Channel {
		l.channel = p.channels
		p.channels++
	}
}

// at notes a frame, and says whether it is the plan's point.
func (p *Proxy) at(l *link, t Type) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.channel == notMemory && t != Alive && len(p.seen) < 1<<16 {
		p.seen = append(p.seen, t)
	}
	p.counted[t]++
	return p.claim(p.plan.Frame == t && p.counted[t] == max(p.plan.Count, 1))
}

// counts notes bytes of the source, and says whether they reach the plan's point.
func (p *Proxy) counts(l *link, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.channel == notMemory {
		return false
	}
	l.sent += int64(n)
	p.memory += int64(n)
	wanted := p.plan.Channel == l.channel || p.plan.Channel == Any
	return p.claim(p.plan.Frame == 0 && p.plan.Bytes > 0 && wanted && l.sent >= p.plan.Bytes)
}

// claim makes the point the caller's, where it is there and nobody else has come to it.
// The lock is held.
func (p *Proxy) claim(there bool) bool {
	if !there || p.claimed || p.lifted {
		return false
	}
	p.claimed = true
	return true
}

// strike tells that the point is reached, once.
func (p *Proxy) strike() {
	p.mu.Lock()
	p.struck = true
	p.mu.Unlock()
	if p.plan.Reached != nil {
		p.plan.Reached()
	}
	close(p.reached)
}

// gate waits until n bytes may pass.
func (p *Proxy) gate(n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.plan.Fault == Stall && p.struck && !p.lifted && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return net.ErrClosed
	}
	if p.plan.Fault == Slow && p.struck && !p.lifted && p.plan.Rate > 0 {
		wait := time.Duration(n) * time.Second / time.Duration(p.plan.Rate)
		p.mu.Unlock()
		time.Sleep(wait)
		p.mu.Lock()
	}
	return nil
}
