package net

import (
	"errors"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/iovec"
	"github.com/hullvm/hull/mem"

	"golang.org/x/sys/unix"
)

// How a frame goes out:
//
//  1. drain takes it from the ring, if the limit lets one pass.
//  2. check copies its front, and holds it against what was negotiated. From
//     here on the front is the copy: the driver cannot change it any more.
//  3. send writes the front and what is behind it in guest memory. Where the
//     port has no room the frame waits for it.
//
// A frame that cannot be sent is dropped, as on a wire.

// errPieces is a frame in more pieces than one write takes.
var errPieces = errors.New("too many pieces")

// transmitter serves a transmit queue.
type transmitter struct {
	d        *Device
	queue    *virtio.Queue
	gate     *gate
	port     Port
	memory   *mem.Guest
	counts   *counters
	features uint64

	chain  virtq.Chain
	held   bool // chain was checked and waits for room
	front  front
	length int // of the frame, without the virtio header
	body   []mem.Range

	// What a write needs, used again for each.
	fd        int
	vectors   []unix.Iovec
	writeFunc func(iov []unix.Iovec) (int, error) // writev

	// What drain found, which serve goes on from.
	drainFunc func(fd uintptr) bool // drain
	err       error                 // the driver's
	empty     bool                  // the ring is
	throttled bool                  // the limit is to be waited for
}

func newTransmitter(d *Device, a *virtio.Activation, q *virtio.Queue, p Port, g *gate, c *counters) *transmitter {
	t := &transmitter{
		d:        d,
		queue:    q,
		gate:     g,
		port:     p,
		memory:   a.Memory,
		counts:   c,
		features: a.Features,
	}
	t.drainFunc, t.writeFunc = t.drain, t.writev
	return t
}

// serve is the queue's worker: it returns where the ring is empty, or the gate
// is shut.
func (t *transmitter) serve() error {
	for !t.gate.isShut() {
		if t.throttled {
			t.throttled = false
			if !t.d.limitTX.Wait(t.gate.stop) {
				return nil
			}
		}
		t.empty = false
		ok, err := t.gate.write(t.drainFunc)
		switch {
		case t.err != nil:
			return t.err
		case err != nil: // the descriptor cannot be waited for
			return err
		case !ok || t.empty:
			return nil
		}
	}
	return nil
}

// drain sends what the ring has. It returns false to wait for room.
func (t *transmitter) drain(fd uintptr) bool {
	t.fd = int(fd)
	defer t.queue.Flush()
	for range batch {
		if !t.held {
			if limit := t.d.limitTX; limit != nil && limit.Delay() > 0 {
				t.throttled = true
				return true
			}
			ok, err := t.queue.Next(&t.chain)
			if !ok || err != nil {
				t.empty, t.err = true, err
				return true
			}
			t.held = t.check()
		}
		if t.held && t.send() == unix.EAGAIN {
			return false
		}
		t.held = false
		if t.err = t.queue.Put(&t.chain, 0); t.err != nil {
			return true
		}
	}
	return true
}

// check reports whether the frame may be sent, and counts why not.
func (t *transmitter) check() bool {
	total := t.chain.ReadableLen()
	if total < uint64(len(t.front)) || total > HeaderSize+maxFrame {
		t.counts.invalid.Add(1)
		return false
	}
	t.length = int(total) - HeaderSize
	_, err := virtq.CopyFrom(t.memory, t.front[:], t.chain.Readable, 0)
	switch {
	case err != nil || t.front.checkSent(t.features, t.length) != nil:
		t.counts.invalid.Add(1)
	case !t.d.linkUp():
		t.counts.linkDown.Add(1)
	case t.d.antiSpoof && t.front.source() != t.d.configured:
		t.counts.filtered.Add(1)
	default:
		t.body = virtq.Slice(t.body, t.chain.Readable, uint64(len(t.front)), maxFrame)
		return true
	}
	return false
}

// send writes the frame. EAGAIN means that it has to wait; after any other error
// it is gone.
func (t *transmitter) send() error {
	for {
		_, err := t.memory.Gather(t.body, t.writeFunc)
		switch err {
		case nil:
			t.counts.passed(t.length)
			if t.d.limitTX != nil {
				t.d.limitTX.Take(1, uint64(t.length))
			}
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		case errPieces:
			t.counts.invalid.Add(1)
		default:
			t.counts.refused.Add(1)
		}
		return err
	}
}

// writev writes a frame: its front and iov.
func (t *transmitter) writev(iov []unix.Iovec) (int, error) {
	if len(iov) >= maxVectors {
		return 0, errPieces
	}
	first := t.front[:]
	if !t.port.Header {
		first = t.front[HeaderSize:]
	}
	t.vectors = append(t.vectors[:0], vector(first))
	t.vectors = append(t.vectors, iov...)
	n, err := iovec.Writev(t.fd, t.vectors)
	clear(t.vectors)
	return n, err
}

// release gives a frame that waits back to the driver's side, as if it had not
// been taken.
func (t *transmitter) release() {
	if t.held {
		t.queue.Untake(&t.chain)
		t.held = false
	}
}
