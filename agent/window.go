package agent

import "sync"

// windowSize is how much of one channel may be under way, in bytes
// (docs/agent-protocol.md section 4).
const windowSize = 262144

// creditStep is how much a receiver lets add up before it gives credit back:
// small enough that the sender never runs dry, large enough to keep frames few.
const creditStep = windowSize / 4

// crumb is the length up to which what comes in is put together, in bytes.
const crumb = 4096

// sendWindow is what a sender may still send on one channel.
type sendWindow struct {
	mu     sync.Mutex
	change sync.Cond // credit came, or the window closed
	credit int       // bytes
	closed bool
}

func newSendWindow() *sendWindow {
	w := &sendWindow{credit: windowSize}
	w.change.L = &w.mu
	return w
}

// take waits for credit and takes up to most bytes of it. It returns 0 when
// the window was closed.
func (w *sendWindow) take(most int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.credit == 0 && !w.closed {
		w.change.Wait()
	}
	if w.closed {
		return 0
	}
	n := min(most, w.credit)
	w.credit -= n
	return n
}

// give adds credit: what the peer granted, or what was taken and not used. It
// is false when that makes more than the window.
func (w *sendWindow) give(n uint32) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if uint64(w.credit)+uint64(n) > windowSize {
		return false
	}
	w.credit += int(n)
	w.change.Broadcast()
	return true
}

// close wakes all takers with nothing.
func (w *sendWindow) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.change.Broadcast()
}

// recvBuffer holds what came in on one channel and was not yet taken: at most
// one window.
type recvBuffer struct {
	mu     sync.Mutex
	change sync.Cond
	chunks [][]byte
	size   int // bytes in chunks, and taken but not given back as credit
	ended  bool
	broken bool // nobody takes any more; what comes is dropped
}

func newRecvBuffer() *recvBuffer {
	b := &recvBuffer{}
	b.change.L = &b.mu
	return b
}

// push adds a copy of p. It is false when the sender overran the window.
func (b *recvBuffer) push(p []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken {
		return true
	}
	if b.ended || b.size+len(p) > windowSize {
		return false
	}
	b.size += len(p)
	// Crumbs are put together, so that a window of single bytes takes no more
	// memory than any other.
	if last := len(b.chunks) - 1; last >= 0 && len(b.chunks[last])+len(p) <= crumb {
		b.chunks[last] = append(b.chunks[last], p...)
	} else {
		b.chunks = append(b.chunks, append([]byte(nil), p...))
	}
	b.change.Broadcast()
	return true
}

// pop waits for bytes and takes a chunk. It returns nil at the end.
func (b *recvBuffer) pop() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.chunks) == 0 && !b.ended && !b.broken {
		b.change.Wait()
	}
	if b.broken || len(b.chunks) == 0 {
		return nil
	}
	p := b.chunks[0]
	b.chunks[0] = nil
	b.chunks = b.chunks[1:]
	return p
}

// release says that n bytes popped are given back to the sender as credit.
func (b *recvBuffer) release(n int) {
	b.mu.Lock()
	b.size -= n
	b.mu.Unlock()
}

// end marks the end of the stream; what is there may still be taken.
func (b *recvBuffer) end() {
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
	b.change.Broadcast()
}

// abandon drops what is there and what will come.
func (b *recvBuffer) abandon() {
	b.mu.Lock()
	b.broken = true
	b.chunks = nil
	b.mu.Unlock()
	b.change.Broadcast()
}

// copyOut hands the stream to write until its end, returning credit as it
// goes. It is false when write failed: then the stream is abandoned.
func (b *recvBuffer) copyOut(write func([]byte) error, credit func(n int)) bool {
	owed := 0
	for {
		p := b.pop()
		if p == nil {
			return true
		}
		if err := write(p); err != nil {
			b.abandon()
			return false
		}
		if owed += len(p); owed >= creditStep {
			b.release(owed)
			credit(owed)
			owed = 0
		}
	}
}
