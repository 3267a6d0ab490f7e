package net

import "sync/atomic"

// Counters are what went through one direction of a card, and what did not and
// why. They count from the card's making on.
type Counters struct {
	Frames, Bytes uint64 // that passed; without headers

	Filtered uint64 // received: for another address; sent: with another's as source
	LinkDown uint64 // the link was down
	Invalid  uint64 // the header, or the frame's length, is not one that can be
	NoRoom   uint64 // received: larger than the driver's buffers
	Refused  uint64 // the backend did not take it
}

// counters are the Counters of one queue.
type counters struct {
	frames, bytes                                atomic.Uint64
	filtered, linkDown, invalid, noRoom, refused atomic.Uint64
}

func (c *counters) passed(bytes int) {
	c.frames.Add(1)
	c.bytes.Add(uint64(bytes))
}

func (c *counters) addTo(sum *Counters) {
	sum.Frames += c.frames.Load()
	sum.Bytes += c.bytes.Load()
	sum.Filtered += c.filtered.Load()
	sum.LinkDown += c.linkDown.Load()
	sum.Invalid += c.invalid.Load()
	sum.NoRoom += c.noRoom.Load()
	sum.Refused += c.refused.Load()
}
