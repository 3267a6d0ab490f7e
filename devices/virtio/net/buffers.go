package net

import (
	"errors"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// buffers are the driver's receive buffers that were taken and not used yet, in
// order.
type buffers struct {
	queue *virtio.Queue

	held []*virtq.Chain
	free []*virtq.Chain // to be filled again
	room uint64         // bytes of all held

	written []uint32 // what use hands on
}

var errNoWritable = errors.New("a receive buffer that cannot be written")

// take takes one more buffer, and reports false where the driver has none.
func (b *buffers) take() (bool, error) {
	if len(b.free) == 0 {
		b.free = append(b.free, new(virtq.Chain))
	}
	last := len(b.free) - 1
	c := b.free[last]
	ok, err := b.queue.Next(c)
	if !ok || err != nil {
		return false, err
	}
	b.free = b.free[:last]
	n := c.WritableLen()
	if n == 0 {
		return false, errNoWritable
	}
	b.held = append(b.held, c)
	b.room += n
	return true, nil
}

// reach takes buffers until those held have room for n bytes. It reports false
// where there are too few.
func (b *buffers) reach(n uint64) (bool, error) {
	for b.room < n {
		if ok, err := b.take(); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// count is how many buffers, from the first, n bytes need. Those held have room
// for them.
func (b *buffers) count(n uint64) int {
	for i, c := range b.held {
		length := c.WritableLen()
		if n <= length {
			return i + 1
		}
		n -= length
	}
	return len(b.held)
}

// ranges adds the memory of the first buffers to dst until it has n bytes.
func (b *buffers) ranges(dst []mem.Range, n uint64) []mem.Range {
	for _, c := range b.held {
		for _, r := range c.Writable {
			r.Len = uint32(min(uint64(r.Len), n))
			if r.Len == 0 {
				return dst
			}
			dst = append(dst, r)
			n -= uint64(r.Len)
		}
	}
	return dst
}

// use gives the first count buffers back, with n bytes in them: the first ones
// full (section 5.1.6.4.1).
func (b *buffers) use(count int, n uint64) error {
	used := b.held[:count]
	b.written = b.written[:0]
	for _, c := range used {
		length := c.WritableLen()
		b.room -= length
		part := min(n, length)
		b.written = append(b.written, uint32(part))
		n -= part
	}
	err := b.queue.PutTogether(used, b.written)
	b.free = append(b.free, used...)
	b.held = b.held[:copy(b.held, b.held[count:])]
	return err
}

// release gives all that is held back to the driver's side, as if it had not
// been taken.
func (b *buffers) release() {
	for i := len(b.held) - 1; i >= 0; i-- {
		b.queue.Untake(b.held[i])
	}
	b.free = append(b.free, b.held...)
	b.held, b.room = b.held[:0], 0
}
