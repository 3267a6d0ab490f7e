package net

import (
	"errors"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/internal/iovec"
	"github.com/hullvm/hull/mem"

	"golang.org/x/sys/unix"
)

// errEnd is the end of a port: the other side closed it.
var errEnd = errors.New("the other side is gone")

// frame brings one frame in. again means that the port has none. An error is the
// driver's.
func (r *receiver) frame() (again bool, err error) {
	if !r.kept {
		if ok, err := r.gather(); !ok || err != nil {
			r.hungry = true
			return false, err
		}
		switch err := r.read(); {
		case err == nil:
			r.failures = 0
		case err == unix.EAGAIN:
			return true, nil
		case err == unix.EINTR:
			return false, nil
		default:
			return false, r.failed(err)
		}
		if !r.wanted() {
			return false, nil
		}
	}
	if ok, err := r.fit(); !ok || err != nil {
		return false, err
	}
	return false, r.deliver()
}

// gather takes buffers, and reports false where there is none.
func (r *receiver) gather() (bool, error) {
	if r.merge {
		_, err := r.reach(r.goal)
		return len(r.held) > 0, err
	}
	if len(r.held) > 0 {
		return true, nil
	}
	return r.take()
}

// read reads a frame.
func (r *receiver) read() error {
	goal := r.goal
	if !r.merge {
		goal = HeaderSize + maxFrame
	}
	r.all = r.ranges(r.all[:0], goal)
	r.body = virtq.Slice(r.body, r.all, uint64(len(r.front)), maxFrame)
	_, err := r.memory.Scatter(r.body, r.readFunc)
	return err
}

// readv reads a frame: its front, what of it iov takes, and the rest.
func (r *receiver) readv(iov []unix.Iovec) (int, error) {
	iov = iov[:min(len(iov), maxVectors-2)]
	first := r.front[:]
	if !r.port.Header {
		clear(r.front[:HeaderSize])
		first = r.front[HeaderSize:]
	}
	r.vectors = append(r.vectors[:0], vector(first))
	r.vectors = append(r.vectors, iov...)
	r.vectors = append(r.vectors, vector(r.spilled))
	n, err := iovec.Readv(r.fd, r.vectors)
	clear(r.vectors)
	if err != nil {
		return 0, err
	}
	if n == 0 && r.port.Stream {
		return 0, errEnd
	}
	r.length = n - len(first) + ethernetSize
	r.direct = max(0, min(n-len(first), lengthOf(iov)))
	return r.direct, nil
}

func vector(p []byte) unix.Iovec {
	v := unix.Iovec{Base: &p[0]}
	v.SetLen(len(p))
	return v
}

func lengthOf(iov []unix.Iovec) (n int) {
	for _, v := range iov {
		n += int(v.Len)
	}
	return n
}

// failed counts a read that failed. One that will not succeed again is the
// port's end. Memory that is none is the driver's error.
func (r *receiver) failed(err error) error {
	if access := (*mem.AccessError)(nil); errors.As(err, &access) {
		return err
	}
	r.counts.refused.Add(1)
	if r.failures++; r.failures == maxFailures || err == errEnd {
		r.lost(err)
	}
	return nil
}

// lost ends the receiver: its port gives nothing more.
func (r *receiver) lost(err error) {
	r.dead = true
	r.d.lost(err)
}

// wanted reports whether the driver gets the frame that was read.
func (r *receiver) wanted() bool {
	d := r.d
	switch {
	case r.length < ethernetSize || r.length > maxFrame:
		r.counts.invalid.Add(1)
	case !d.linkUp():
		r.counts.linkDown.Add(1)
	case r.front.checkReceived(d.offloads.Load()) != nil:
		r.counts.invalid.Add(1)
	case !d.filter.Load().accepts(r.front.destination(), *d.mac.Load()):
		r.counts.filtered.Add(1)
	default:
		return true
	}
	return false
}

// fit sees to it that there are buffers for all of the frame. It reports false
// where the frame is dropped, or kept until there are.
func (r *receiver) fit() (bool, error) {
	need := uint64(HeaderSize + r.length)
	if r.room >= need {
		r.kept = false
		return true, nil
	}
	if r.merge {
		ok, err := r.reach(need)
		if ok || err != nil {
			r.kept = false
			return ok, err
		}
		if !r.stuck() {
			r.kept, r.hungry = true, true
			return false, nil
		}
	}
	r.kept = false
	r.counts.noRoom.Add(1)
	return false, nil
}

// stuck reports whether so much of the ring is taken that the driver may have
// nothing left to add: then there is nothing to wait for.
func (r *receiver) stuck() bool {
	half := int(r.queue.Layout.Size) / 2
	descriptors := 0
	for _, c := range r.held {
		descriptors += len(c.Writable)
	}
	return max(descriptors, len(r.held)) >= half
}

// deliver gives the driver the frame, for which there are buffers.
func (r *receiver) deliver() error {
	need := uint64(HeaderSize + r.length)
	count := r.count(need)
	r.front.putLE16(headerNumBuffers, uint16(count))
	r.all = r.ranges(r.all[:0], need)
	if _, err := virtq.CopyTo(r.memory, r.front[:], r.all, 0); err != nil {
		return err
	}
	if rest := r.length - ethernetSize - r.direct; rest > 0 {
		if _, err := virtq.CopyTo(r.memory, r.spilled[:rest], r.all, uint64(len(r.front)+r.direct)); err != nil {
			return err
		}
	}
	r.counts.passed(r.length)
	if r.d.limitRX != nil {
		r.d.limitRX.Take(1, uint64(r.length))
	}
	r.expect()
	return r.use(count, need)
}

// expect sets how much room is gathered for the next frame, after what came.
func (r *receiver) expect() {
	if r.length > shortFrame {
		r.short, r.goal = 0, HeaderSize+maxFrame
	} else if r.short++; r.short == shortRun {
		r.goal = HeaderSize + shortFrame
	}
}
