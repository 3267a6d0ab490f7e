package balloon

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
)

// Tag says what a statistic counts (section 5.5.6.4). Drivers may have others.
type Tag uint16

// The tags there are. Amounts of memory are in bytes.
const (
	SwapIn            Tag = 0 // memory swapped in
	SwapOut           Tag = 1 // memory swapped out
	MajorFaults       Tag = 2
	MinorFaults       Tag = 3
	MemoryFree        Tag = 4 // memory not used for anything
	MemoryTotal       Tag = 5
	MemoryAvailable   Tag = 6 // memory that could be had without swapping
	DiskCaches        Tag = 7
	HugePagesReserved Tag = 8 // huge page allocations that went well
	HugePagesFailed   Tag = 9
)

// Stats is what the guest says of its memory; it can say anything.
type Stats map[Tag]uint64

// What Stats fails with beside the context's errors and the queue's.
var (
	ErrInactive = errors.New("no driver gives statistics")
	ErrPaused   = errors.New("the device is paused")
)

// maxStats is the most statistics that are looked at; Linux has 16.
const maxStats = 64

// statSize is struct virtio_balloon_stat's size: le16 tag, le64 val, packed.
const statSize = 10

// Stats asks the guest for its statistics and waits for the answer. Nothing is
// asked of the guest, and nothing runs, between two calls.
func (d *Device) Stats(ctx context.Context) (Stats, error) {
	s, err := d.stats(ctx)
	if err != nil {
		return nil, fmt.Errorf("balloon %q: statistics: %w", d.name, err)
	}
	return s, nil
}

func (d *Device) stats(ctx context.Context) (Stats, error) {
	select {
	case d.asking <- struct{}{}:
		defer func() { <-d.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	act := d.activation()
	if act == nil || act.exchange == nil {
		return nil, ErrInactive
	}
	defer context.AfterFunc(ctx, act.exchange.kicks.Interrupt)()
	// What lies in the queue is as old as the last call. Giving it back makes the
	// driver put what holds now.
	if _, err := act.exchange.next(ctx, true); err != nil {
		return nil, err
	}
	return act.exchange.next(ctx, false)
}

// exchange is the queue for statistics. The specification lets the device keep
// the driver's buffer until it wants news. This one puts it back into the ring,
// so that a pause finds nothing under way.
type exchange struct {
	*activation
	ring  *virtio.Queue
	kicks *virtio.Kicks

	mu      sync.Mutex // guards ring and what follows
	stopped error      // why the ring must not be touched, or nil
	chain   virtq.Chain
}

func newExchange(a *activation, ring *virtio.Queue) (*exchange, error) {
	kicks, err := virtio.NewKicks(ring)
	if err != nil {
		return nil, err
	}
	return &exchange{activation: a, ring: ring, kicks: kicks}, nil
}

// pause makes the ring out of bounds, or not any more. It does nothing on nil.
func (e *exchange) pause(on bool) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped = nil; on {
		e.stopped = ErrPaused
		e.kicks.Interrupt()
	}
}

// end makes the ring out of bounds for ever. It does nothing on nil.
func (e *exchange) end() {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = ErrInactive
	_ = e.kicks.Close()
}

// next waits for the driver's buffer, reads it, and gives it back to the driver
// or leaves it.
func (e *exchange) next(ctx context.Context, giveBack bool) (Stats, error) {
	for {
		s, again, err := e.try(giveBack)
		if s != nil || err != nil {
			return s, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if again {
			continue
		}
		// An error is an interruption, or that the device is at its end: both are
		// known above.
		_ = e.kicks.Wait()
	}
}

// try is next where the buffer is there. Where it is not, again reports whether
// it came at the last moment, and otherwise kicks will tell of it. An interruption
// of kicks by what is not yet known to the caller is not lost.
func (e *exchange) try(giveBack bool) (s Stats, again bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.stopped != nil:
		return nil, false, e.stopped
	case e.broken.Load():
		return nil, false, errBroken
	}
	e.kicks.Rearm()
	ok, err := e.ring.Next(&e.chain)
	switch {
	case err != nil:
	case ok:
		if s = e.read(); giveBack {
			err = e.ring.Complete(&e.chain, 0)
		} else {
			e.ring.Untake(&e.chain)
		}
	default:
		again, err = e.ring.KicksOn()
	}
	if err != nil {
		e.fail(err)
		return nil, false, err
	}
	return s, again, nil
}

// read takes the statistics out of the driver's buffer. Memory that is none
// holds none.
func (e *exchange) read() Stats {
	var raw [maxStats * statSize]byte
	n, err := virtq.CopyFrom(e.Memory, raw[:], e.chain.Readable, 0)
	if err != nil {
		e.device.counters.refused.Add(1)
		n = 0
	}
	s := make(Stats)
	for p := raw[:n/statSize*statSize]; len(p) > 0; p = p[statSize:] {
		s[Tag(binary.LittleEndian.Uint16(p))] = binary.LittleEndian.Uint64(p[2:])
	}
	return s
}
