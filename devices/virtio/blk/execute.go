package blk

import (
	"errors"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// try does a request where that needs no waiting, and reports whether it did.
func (r *request) try() (status byte, done bool) {
	switch r.kind {
	case kindGetID:
		return r.do(), true
	case kindIn, kindOut:
	default:
		return 0, false
	}
	if r.length == 0 {
		return r.do(), true
	}
	if r.device.immediate == nil || r.length > immediateMax {
		return 0, false
	}
	r.done = false
	var err error
	switch {
	case r.kind == kindIn:
		_, err = r.Memory.Scatter(r.data, r.tryReadv)
	case r.writeThrough():
		return 0, false
	default:
		_, err = r.Memory.Gather(r.data, r.tryWritev)
	}
	if err == nil && !r.done {
		return 0, false
	}
	return r.result(err), true
}

// do does a request that was checked, and returns its status.
func (r *request) do() byte {
	switch r.kind {
	case kindIn:
		return r.result(r.read())
	case kindOut:
		return r.result(r.write())
	case kindFlush:
		return r.result(r.flushDisk())
	case kindGetID:
		n, err := virtq.CopyTo(r.Memory, r.device.serial[:min(MaxSerial, r.room)], r.chain.Writable, 0)
		r.filled = uint64(n)
		return r.result(err)
	case kindDiscard:
		return r.result(r.discard())
	default:
		return r.result(r.writeZeroes())
	}
}

func (r *request) read() error {
	if r.length == 0 {
		return nil
	}
	_, err := r.Memory.Scatter(r.data, r.readv)
	return err
}

func (r *request) write() error {
	if r.length > 0 {
		if _, err := r.Memory.Gather(r.data, r.writev); err != nil {
			return err
		}
	}
	return r.settle()
}

// settle makes a write durable where the driver counts on that. It comes after
// the write: a driver that switches to write-through meanwhile gets it too.
func (r *request) settle() error {
	if r.writeThrough() {
		return r.device.backend.Flush()
	}
	return nil
}

func (r *request) flushDisk() error {
	if r.device.readOnly {
		return nil
	}
	return r.device.backend.Flush()
}

func (r *request) discard() error {
	for _, s := range r.segments {
		if s.n == 0 {
			continue
		}
		if err := r.device.backend.Discard(s.off, s.n); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) writeZeroes() error {
	for _, s := range r.segments {
		if s.n == 0 {
			continue
		}
		if err := r.device.backend.WriteZeroes(s.off, s.n, s.unmap); err != nil {
			return err
		}
	}
	return r.settle()
}

// result counts what came of a request, and turns it into a status.
func (r *request) result(err error) byte {
	c := &r.device.counters
	switch {
	case err == nil:
		r.count()
		return statusOK
	case notMemory(err):
		c.refused.Add(1)
	default:
		c.failed.Add(1)
		r.device.complain(r, err)
	}
	return statusIOErr
}

// notMemory reports whether the driver named what is not memory.
func notMemory(err error) bool {
	var access *mem.AccessError
	return errors.As(err, &access)
}

func (r *request) count() {
	c := &r.device.counters
	switch r.kind {
	case kindIn:
		r.filled = r.length
		c.reads.Add(1)
		c.readBytes.Add(r.length)
	case kindOut:
		c.writes.Add(1)
		c.writtenBytes.Add(r.length)
	case kindFlush:
		c.flushes.Add(1)
	case kindDiscard:
		c.discards.Add(1)
	case kindWriteZeroes:
		c.writeZeroes.Add(1)
	}
}

// conclude writes the status, and returns how many bytes were written without a
// gap from the first that may be (section 2.7.8.2): the status counts only where
// all in front of it was filled.
func (r *request) conclude(status byte) (written uint32, err error) {
	if err := r.Memory.PutUint8(r.status, status); err != nil {
		return 0, err
	}
	if r.filled == r.room {
		return uint32(r.filled + 1), nil
	}
	return uint32(r.filled), nil
}
