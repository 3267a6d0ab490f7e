package converge

import "time"

// Round is what one round of a running guest's memory was like. Sizes are bytes.
type Round struct {
	// Sent is the memory that was moved, before compression. Pages of zeroes, which
	// cost nothing, are not in it.
	Sent uint64
	// Wire is what of the round went over the link; 0 for as much as Sent.
	Wire uint64
	// Took is the time from when it was found out what to send until that was at the
	// target.
	Took time.Duration
	// Left is the memory that was written meanwhile, and is to be sent again.
	Left uint64
	// State is the size that the state of vCPUs and devices is expected to have.
	State uint64
	// RTT is the time of a round trip.
	RTT time.Duration
	// Fixed is what the hand-over takes besides, whatever is left: to hold the guest,
	// save its state, load it, and let it go on. It is as measured, or as is usual.
	Fixed time.Duration
}
