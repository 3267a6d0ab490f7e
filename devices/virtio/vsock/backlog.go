package vsock

import "sync"

// backlog is what the guest sent and the host has not taken yet: a ring of the
// connection's window, which is there only while it holds something.
type backlog struct {
	ring  []byte
	first int
	n     int
}

// rings keeps the largest ones for the next connection whose host is slow.
var rings = sync.Pool{New: func() any { return new([maxWindow]byte) }}

// room returns where the next n bytes go, in two parts, and counts them in. The
// caller has seen that there is room for them in the window.
func (b *backlog) room(n int, window uint32) (p, q []byte) {
	if b.ring == nil {
		if window == maxWindow {
			b.ring = rings.Get().(*[maxWindow]byte)[:]
		} else {
			b.ring = make([]byte, window)
		}
	}
	at := (b.first + b.n) % len(b.ring)
	b.n += n
	if end := at + n; end > len(b.ring) {
		return b.ring[at:], b.ring[:end-len(b.ring)]
	}
	return b.ring[at : at+n], nil
}

// parts is all there is, in order.
func (b *backlog) parts(dst [][]byte) [][]byte {
	if end := b.first + b.n; end > len(b.ring) {
		return append(dst[:0], b.ring[b.first:], b.ring[:end-len(b.ring)])
	}
	return append(dst[:0], b.ring[b.first:b.first+b.n])
}

// drop forgets the first n bytes.
func (b *backlog) drop(n int) {
	b.n -= n
	if b.n > 0 {
		b.first = (b.first + n) % len(b.ring)
		return
	}
	if len(b.ring) == maxWindow {
		rings.Put((*[maxWindow]byte)(b.ring))
	}
	*b = backlog{}
}
