package agent

import (
	"errors"
	"io"
	"sync"
)

const (
	// dataBacklog is how many bytes may wait for the pipe before the senders of
	// DATA wait too.
	dataBacklog = 256 << 10

	// controlBacklog is how many bytes may wait in all. Only answers can make
	// it so many, to a client that asks and does not read.
	controlBacklog = 4 << 20
)

// errSessionOver says that a frame belongs to a session that has ended.
var errSessionOver = errors.New("session over")

// outbox is what waits to be written to one pipe, in order. One goroutine
// writes, so that nobody else ever waits for the pipe itself: a client that
// does not read holds up the senders of DATA and nothing else.
type outbox struct {
	w io.Writer

	mu      sync.Mutex
	change  sync.Cond
	queue   []byte // waiting
	spare   []byte // the buffer that was written last
	session uint64 // the one whose frames are taken
	flooded bool   // the session asked for more than it read
	closed  bool

	done chan struct{} // the writer has ended
}

func newOutbox(w io.Writer) *outbox {
	o := &outbox{w: w, done: make(chan struct{})}
	o.change.L = &o.mu
	go o.run()
	return o
}

// run writes until the outbox is closed or the pipe breaks.
func (o *outbox) run() {
	defer close(o.done)
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.queue) == 0 && !o.closed {
			o.change.Wait()
		}
		if o.closed {
			return
		}
		batch := o.queue
		o.queue = o.spare[:0]
		o.change.Broadcast()
		o.mu.Unlock()
		_, err := o.w.Write(batch)
		o.mu.Lock()
		if o.spare = batch; cap(batch) > 2*dataBacklog {
			o.spare = nil
		}
		if err != nil {
			o.closeLocked() // the reader of the pipe sees why
			return
		}
	}
}

// begin drops what waits, frames of sessions before, and queues the answer to
// the hello of a new session, whose number it returns.
func (o *outbox) begin(answer []byte) uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.session++
	o.flooded = false
	o.queue = append(o.queue[:0], answer...)
	o.change.Broadcast()
	return o.session
}

// end drops what waits and takes no more frames of the session.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.session++
	o.queue = o.queue[:0]
	o.change.Broadcast()
}

// send queues a frame of a session. DATA waits for room.
func (o *outbox) send(session uint64, f *frame) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f.kind == typeData {
		for len(o.queue) > dataBacklog && o.session == session && !o.closed {
			o.change.Wait()
		}
	}
	if o.session != session || o.closed || o.flooded {
		return errSessionOver
	}
	if len(o.queue)+frameHeaderSize+len(f.payload) > controlBacklog {
		o.flooded = true
		return errSessionOver
	}
	o.queue = f.append(o.queue)
	o.change.Broadcast()
	return nil
}

// isFlooded says whether the session has to be ended because its client asks
// and does not read.
func (o *outbox) isFlooded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.flooded
}

// close makes the writer end once the pipe lets it.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closeLocked()
}

func (o *outbox) closeLocked() {
	o.closed = true
	o.queue = nil
	o.change.Broadcast()
}
