// Package writebehind is a writer that never makes its callers wait: what they
// write is kept, up to a bound, and written by a goroutine. It is what stands
// between a guest that sends bytes and a terminal or file that takes them.
package writebehind

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Size is how much may be held, in bytes, once in the buffer that fills and once in
// the one being written.
const Size = 64 << 10

// highWater is where Put says that there is no room. What lies above is for guests
// that lose patience and send regardless, as Linux's serial console does after
// 10 ms.
const highWater = 60 << 10

// rest is how long the writer lets bytes collect after a write. The first byte
// after a silence goes out at once; a stream costs one wake-up in this time
// and not one for each byte.
const rest = time.Millisecond

// Writer takes bytes without blocking and writes them from a goroutine of its own.
type Writer struct {
	w    io.Writer
	room func() // called without mu, once for each time the caller was told to wait

	wake  chan struct{} // capacity 1: the writer sleeps and has something to do
	hurry chan struct{} // capacity 1: do not rest
	done  chan struct{} // closed when the goroutine ends

	mu      sync.Mutex // guards what follows
	pending []byte     // not yet taken by the writer
	spare   []byte     // the other buffer, while nothing is being written
	writing int        // bytes taken and not yet written
	full    bool       // the caller was told so
	asleep  bool       // the writer waits for wake
	closed  bool
	err     error           // of the write that failed; none is tried after it
	lost    uint64          // bytes that found no room
	drained []chan struct{} // closed when everything is written
}

// New returns a Writer that writes to w. It calls room when there is room again
// after Put or Append said that there is none. Close ends its goroutine.
func New(w io.Writer, room func()) *Writer {
	o := &Writer{
		w:     w,
		room:  room,
		wake:  make(chan struct{}, 1),
		hurry: make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	go o.run()
	return o
}

// Put takes a byte and reports whether the caller must wait for room before there
// is more. A byte that comes regardless may be lost, and is counted.
func (o *Writer) Put(v byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || o.closed {
		return false
	}
	if len(o.pending) >= Size {
		o.lost++
		return true
	}
	o.pending = append(o.pending, v)
	o.roused()
	if len(o.pending) >= highWater {
		o.filled()
	}
	return o.full
}

// Append takes as many bytes of p as there is room for, and returns how many. Where
// that is not all, the caller must wait for room. A Writer whose output has failed,
// or that was closed, takes everything and drops it.
func (o *Writer) Append(p []byte) (n int) { return o.append(p, Size) }

// Force is Append with room for twice as much, for a caller that cannot wait now
// and has more to say only when there was room again.
func (o *Writer) Force(p []byte) (n int) { return o.append(p, 2*Size) }

func (o *Writer) append(p []byte, limit int) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || o.closed {
		return len(p)
	}
	n = min(len(p), max(limit-len(o.pending), 0))
	o.pending = append(o.pending, p[:n]...)
	if n > 0 {
		o.roused()
	}
	if n < len(p) {
		o.filled()
	}
	return n
}

// Drop counts n bytes as lost that the caller could not wait for.
func (o *Writer) Drop(n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost += n
}

// roused wakes the goroutine. The caller holds mu.
func (o *Writer) roused() {
	if o.asleep {
		o.asleep = false
		signal(o.wake)
	}
}

// filled notes that the caller waits for room. The caller holds mu.
func (o *Writer) filled() {
	if !o.full {
		o.full = true
		signal(o.hurry)
	}
}

// Full reports whether the caller still has to wait for room.
func (o *Writer) Full() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.full && !o.closed
}

// run is the writer's goroutine. It ends when the output is closed or fails.
func (o *Writer) run() {
	defer close(o.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		batch, wasFull, ok := o.take()
		if !ok {
			return
		}
		if wasFull {
			o.room()
		}
		if !o.wrote(batch, write(o.w, batch)) {
			return
		}
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-o.hurry:
		}
	}
}

// take waits for bytes and takes all there are; ok is false at the end.
func (o *Writer) take() (batch []byte, wasFull, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) == 0 && !o.closed {
		o.asleep = true
		o.mu.Unlock()
		<-o.wake
		o.mu.Lock()
	}
	o.asleep = false
	if o.closed {
		return nil, false, false
	}
	batch, o.pending, o.spare = o.pending, o.spare, nil
	o.writing = len(batch)
	wasFull, o.full = o.full, false
	return batch, wasFull, true
}

// wrote notes how a write went and reports whether the next may be tried.
func (o *Writer) wrote(batch []byte, err error) bool {
	o.mu.Lock()
	wasFull := false
	o.writing, o.spare = 0, batch[:0]
	if err != nil {
		o.err = err
		o.pending, o.spare = nil, nil
		wasFull, o.full = o.full, false
	}
	if len(o.pending) == 0 {
		o.release()
	}
	o.mu.Unlock()
	if wasFull {
		o.room()
	}
	return err == nil
}

// release lets those go who wait for the output to be drained. The caller
// holds mu.
func (o *Writer) release() {
	for _, c := range o.drained {
		close(c)
	}
	o.drained = nil
}

// Drain waits until everything taken so far is written, discarded for an error,
// or the deadline has passed, and reports how many bytes are left.
func (o *Writer) Drain(deadline time.Duration) (left int) {
	o.mu.Lock()
	if o.closed || o.err != nil || len(o.pending)+o.writing == 0 {
		o.mu.Unlock()
		return 0
	}
	done := make(chan struct{})
	o.drained = append(o.drained, done)
	signal(o.hurry)
	o.mu.Unlock()

	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case <-done:
		return 0
	case <-timer.C:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending) + o.writing
}

// Close discards what is not being written and ends the goroutine. It reports
// false where a write does not return before giveUp is closed, nil for never; the
// goroutine then ends when it does.
func (o *Writer) Close(giveUp <-chan struct{}) bool {
	o.mu.Lock()
	o.closed = true
	o.pending = nil
	o.release()
	signal(o.wake)
	signal(o.hurry)
	o.mu.Unlock()

	select {
	case <-o.done:
		return true
	case <-giveUp:
		return false
	}
}

// Err is the error of the write after which nothing is written any more, or nil.
func (o *Writer) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Lost counts the bytes that found no room.
func (o *Writer) Lost() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// write is w.Write with its contract enforced.
func write(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n != len(p) {
		return fmt.Errorf("%w: %d of %d bytes", io.ErrShortWrite, n, len(p))
	}
	return err
}

// signal leaves a note for one who may not be looking yet.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
