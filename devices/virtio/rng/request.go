package rng

import (
	"errors"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

const (
	// requestMax is the most bytes that a request gets. The device may fill less
	// than there is room for (section 5.4.6.2).
	requestMax = 64 << 10

	// pieceMax is how many bytes are made between two looks at whether to stop.
	pieceMax = 4 << 10
)

// serve answers requests until there are none, or it is to stop.
func (a *activation) serve() error {
	defer a.queue.Flush()
	var c virtq.Chain
	for !a.stopped() {
		// The limit is asked before a request is taken: there is none to put back
		// when the wait is broken off.
		if a.device.limit.Delay() > 0 {
			a.queue.Flush()
			if !a.device.limit.Wait(a.stop) {
				return nil
			}
		}
		if ok, err := a.queue.Next(&c); !ok || err != nil {
			return err
		}
		n, err := a.fill(c.Writable)
		a.device.count(n, err)
		a.device.limit.Take(1, uint64(n))
		if err := a.queue.Put(&c, n); err != nil {
			return err
		}
	}
	return nil
}

func (a *activation) stopped() bool {
	select {
	case <-a.stop:
		return true
	default:
		return false
	}
}

// errNoRoom is a request that has no room for a random byte.
var errNoRoom = errors.New("request without room")

// fill puts random bytes into the first of ranges and returns how many.
func (a *activation) fill(ranges []mem.Range) (n uint32, err error) {
	if len(ranges) == 0 {
		return 0, errNoRoom
	}
	for _, r := range ranges {
		for done := uint32(0); done < r.Len; {
			if n == requestMax || n > 0 && a.stopped() {
				return n, nil
			}
			piece := min(r.Len-done, requestMax-n, pieceMax)
			if err := a.Memory.CopyFrom(a.device.source, r.Addr+mem.Addr(done), uint64(piece)); err != nil {
				return n, err
			}
			done += piece
			n += piece
		}
	}
	return n, nil
}
