package guestload

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// clocks are those that must never go back, as any processor shows them. The wall
// clock is one of them: what a restored guest is set to is later than what it had.
var clocks = []struct {
	name string
	id   int32
}{
	{"CLOCK_MONOTONIC", unix.CLOCK_MONOTONIC},
	{"CLOCK_MONOTONIC_RAW", unix.CLOCK_MONOTONIC_RAW},
	{"CLOCK_BOOTTIME", unix.CLOCK_BOOTTIME},
	{"CLOCK_REALTIME", unix.CLOCK_REALTIME},
}

// seen is the latest that any processor has seen of each clock.
var seen struct {
	mu     sync.Mutex
	latest [4]int64
	by     [4]int
}

// watchClocks has a processor compare its clocks with what the others have seen. The
// lock orders what is read.
func (l *load) watchClocks(cpu int) {
	go func() {
		runtime.LockOSThread()
		l.note(pin(cpu))
		l.work(fmt.Sprintf("clocks %d", cpu), func() error {
			for range 20 {
				if err := lookAtClocks(cpu); err != nil {
					return err
				}
			}
			return nil
		})
	}()
}

func lookAtClocks(cpu int) error {
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for i, c := range clocks {
		var t unix.Timespec
		if err := unix.ClockGettime(c.id, &t); err != nil {
			return err
		}
		now, before := t.Nano(), seen.latest[i]
		if now < before {
			return fmt.Errorf("%s goes back by %d ns: %d on processor %d after %d on processor %d", c.name, before-now, now, cpu, before, seen.by[i])
		}
		seen.latest[i], seen.by[i] = now, cpu
	}
	return nil
}

// timerPeriod is how long a processor sleeps at a time.
const timerPeriod = 150 * time.Millisecond

// watchTimer has a processor sleep again and again: a timer that is lost never ends.
func (l *load) watchTimer(cpu int) {
	name := fmt.Sprintf("timer %d", cpu)
	go func() {
		runtime.LockOSThread()
		l.note(pin(cpu))
		for {
			began := time.Now()
			period := unix.NsecToTimespec(int64(timerPeriod))
			if err := unix.Nanosleep(&period, nil); err != nil && err != unix.EINTR {
				l.note(fmt.Errorf("%s: %w", name, err))
				return
			}
			if late := int64(time.Since(began) - timerPeriod); late > l.late.Load() {
				l.late.Store(late)
			}
			l.went(name)
		}
	}()
}
