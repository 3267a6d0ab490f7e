package net

import "time"

// Limiter holds frames back to a rate. Its methods may be called from several
// queues at once.
type Limiter interface {
	// Delay is how long it takes until a frame may pass; 0 where one may now.
	Delay() time.Duration

	// Wait returns true when a frame may pass, false when stop is closed before.
	Wait(stop <-chan struct{}) bool

	// Take counts ops frames of bytes in sum as passed.
	Take(ops, bytes uint64)
}
