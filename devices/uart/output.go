package uart

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// What the host side may hold, in bytes, once in the buffer that fills and
// once in the one being written. Above highWater the guest is told that there
// is no room; what lies above is for guests that lose patience and send
// regardless, as Linux's console does after 10 ms.
const (
	bufferSize = 64 << 10
	highWater  = 60 << 10
)

// rest is how long the writer lets bytes collect after a write. The first byte
// after a silence goes out at once; a stream costs one wake-up in this time
// and not one for each byte.
const rest = time.Millisecond

// output takes bytes from vCPUs without blocking them and writes them from a
// goroutine of its own.
type output struct {
	w    io.Writer
	room func() // called without mu, once for each time put said full

	wake  chan struct{} // capacity 1: the writer sleeps and has something to do
	hurry chan struct{} // capacity 1: do not rest
	done  chan struct{} // closed when the goroutine ends

	mu      sync.Mutex // guards what follows
	pending []byte     // not yet taken by the writer
	spare   []byte     // the other buffer, while nothing is being written
	writing int        // bytes taken and not yet written
	full    bool       // put said so
	asleep  bool       // the writer waits for wake
	closed  bool
	err     error           // of the write that failed; none is tried after it
	lost    uint64          // bytes that found no room
	drained []chan struct{} // closed when everything is written
}

func newOutput(w io.Writer, room func()) *output {
	o := &output{
		w:     w,
		room:  room,
		wake:  make(chan struct{}, 1),
		hurry: make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	go o.run()
	return o
}

// put takes a byte and reports whether the guest must wait for room before it
// sends more.
func (o *output) put(v byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil || o.closed {
		return false
	}
	if len(o.pending) >= bufferSize {
		o.lost++
		return true
	}
	o.pending = append(o.pending, v)
	if o.asleep {
		o.asleep = false
		signal(o.wake)
	}
	if len(o.pending) >= highWater && !o.full {
		o.full = true
		signal(o.hurry)
	}
	return o.full
}

// isFull reports whether put would say that the guest must wait.
func (o *output) isFull() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.full
}

// run is the writer's goroutine. It ends when the output is closed or fails.
func (o *output) run() {
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
func (o *output) take() (batch []byte, wasFull, ok bool) {
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
func (o *output) wrote(batch []byte, err error) bool {
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
func (o *output) release() {
	for _, c := range o.drained {
		close(c)
	}
	o.drained = nil
}

// drain waits until everything put so far is written, discarded for an error,
// or the deadline has passed, and reports how many bytes are left.
func (o *output) drain(deadline time.Duration) (left int) {
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

// close discards what is not being written and ends the goroutine. It reports
// false where a write does not return within the deadline; the goroutine then
// ends when it does.
func (o *output) close(deadline time.Duration) bool {
	o.mu.Lock()
	o.closed = true
	o.pending = nil
	o.release()
	signal(o.wake)
	signal(o.hurry)
	o.mu.Unlock()

	timer := time.NewTimer(deadline)
	defer timer.Stop()
	select {
	case <-o.done:
		return true
	case <-timer.C:
		return false
	}
}

func (o *output) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

func (o *output) lostBytes() uint64 {
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
