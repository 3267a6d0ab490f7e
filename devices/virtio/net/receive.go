package net

import (
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/mem"

	"golang.org/x/sys/unix"
)

// How a frame comes in:
//
//  1. gather takes buffers of the driver's with room for a frame as they come at
//     the moment: a short one, or one of 64 KiB.
//  2. read reads a frame into them, its front and what is past them into memory
//     of our own.
//  3. fit takes more buffers for a frame that is longer. A frame for which there
//     are too few is kept until there are.
//  4. deliver writes the front, and uses all of the frame's buffers at once.
//
// When the port has nothing left, the driver is interrupted.

// Room that is gathered before a frame is known.
const (
	shortFrame = 2 << 10 // bytes, for those that are no segments to be

	// shortRun is after how many short frames in a row none is expected to be
	// long.
	shortRun = 64
)

// batch is how many frames are taken before anything else is looked at.
const batch = 64

// maxVectors is the most pieces of memory one system call takes.
const maxVectors = 1024

// maxFailures is how many reads may fail one after the other before the port is
// held for dead.
const maxFailures = 64

// receiver serves a receive queue.
type receiver struct {
	buffers
	d      *Device
	gate   *gate
	port   Port
	memory *mem.Guest
	counts *counters

	merge bool // VIRTIO_NET_F_MRG_RXBUF
	goal  uint64
	short int // frames in a row

	// The frame that was read.
	front   front
	length  int    // bytes, without the virtio header
	direct  int    // how much of what follows the front lies in guest memory
	spilled []byte // the rest
	kept    bool   // it waits for buffers

	// What a read needs, used again for each.
	fd       int
	all      []mem.Range // of the buffers that it may use
	body     []mem.Range // what of all is behind the front
	vectors  []unix.Iovec
	readFunc func(iov []unix.Iovec) (int, error) // readv

	// What drain found, which serve goes on from.
	drainFunc func(fd uintptr) bool // drain
	err       error                 // the driver's
	hungry    bool                  // there are no buffers
	throttled bool                  // the limit is to be waited for
	failures  int                   // reads that failed in a row
	dead      bool                  // the port gives nothing more
}

func newReceiver(d *Device, a *virtio.Activation, q *virtio.Queue, p Port, g *gate, c *counters) *receiver {
	r := &receiver{
		buffers: buffers{queue: q},
		d:       d,
		gate:    g,
		port:    p,
		memory:  a.Memory,
		counts:  c,
		merge:   a.Has(FeatureMrgRXBuf),
		goal:    HeaderSize + shortFrame,
		spilled: make([]byte, maxFrame),
	}
	r.drainFunc, r.readFunc = r.drain, r.readv
	return r
}

// serve is the queue's worker: it returns where there are no buffers, or the
// gate is shut.
func (r *receiver) serve() error {
	for !r.dead && !r.gate.isShut() {
		if r.throttled {
			r.throttled = false
			if !r.d.limitRX.Wait(r.gate.stop) {
				return nil
			}
		}
		r.hungry = false
		ok, err := r.gate.read(r.drainFunc)
		switch {
		case r.err != nil:
			return r.err
		case err != nil:
			r.lost(err)
		case !ok || r.hungry:
			return nil
		}
	}
	return nil
}

// drain takes what the port has. It returns false to wait for more.
func (r *receiver) drain(fd uintptr) bool {
	r.fd = int(fd)
	defer r.queue.Flush()
	for range batch {
		if limit := r.d.limitRX; limit != nil && limit.Delay() > 0 {
			r.throttled = true
			return true
		}
		again, err := r.frame()
		if err != nil {
			r.err = err
			return true
		}
		if r.hungry || r.dead {
			return true
		}
		if again {
			return false
		}
	}
	return true
}
