package devices

import "time"

// Clock is the time as a device sees it. Tests put their own in.
type Clock interface {
	// Now is the wall clock, with a monotonic reading for subtraction.
	Now() time.Time

	// AfterFunc calls f once, on a goroutine that holds no lock of the caller,
	// when d has passed; at once when d is not positive.
	AfterFunc(d time.Duration, f func()) Timer
}

// Timer is a call that [Clock.AfterFunc] has arranged.
type Timer interface {
	// Stop cancels the call and reports whether it did; if not, the call has
	// begun already or was stopped before.
	Stop() bool
}

// HostClock is the real clock.
func HostClock() Clock { return hostClock{} }

type hostClock struct{}

func (hostClock) Now() time.Time { return time.Now() }

func (hostClock) AfterFunc(d time.Duration, f func()) Timer { return time.AfterFunc(d, f) }
