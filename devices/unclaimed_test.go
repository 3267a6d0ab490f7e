package devices

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// manual is a clock that stands where it is put; devicestest cannot be used
// from inside this package.
type manual struct{ now time.Time }

func (m *manual) Now() time.Time { return m.now }

func (*manual) AfterFunc(time.Duration, func()) Timer { panic("no timers here") }

func logged() (*Bus, *manual, func() int) {
	var out bytes.Buffer
	clock := &manual{now: time.Unix(1000, 0)}
	bus := NewBus("ports", PortLimit, WithLogger(slog.New(slog.NewTextHandler(&out, nil))), WithClock(clock))
	return bus, clock, func() int { return strings.Count(out.String(), `msg="unclaimed access"`) }
}

func TestUnclaimedAccessIsLoggedOnceForEachAddressAndDirection(t *testing.T) {
	var out bytes.Buffer
	bus := NewBus("ports", PortLimit, WithLogger(slog.New(slog.NewTextHandler(&out, nil))))
	p := make([]byte, 2)
	for range 3 {
		bus.Read(0x123, p)
		bus.Write(0x123, p)
	}
	for _, want := range []string{
		`msg="unclaimed access" bus=ports access=read address=0x123 size=2`,
		`msg="unclaimed access" bus=ports access=write address=0x123 size=2`,
	} {
		if n := strings.Count(out.String(), want); n != 1 {
			t.Errorf("%q was logged %d times, want once; log:\n%s", want, n, out.String())
		}
	}
	if got, want := bus.Stats(), (BusStats{UnclaimedReads: 3, UnclaimedWrites: 3}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestUnclaimedLogIsBoundedInRateAndTotal(t *testing.T) {
	bus, clock, lines := logged()
	p := make([]byte, 1)
	sweep := func() {
		for port := range uint64(PortLimit) {
			bus.Read(port, p)
		}
	}
	sweep()
	if n := lines(); n != unclaimedBurst {
		t.Errorf("a sweep at once logged %d lines, want %d", n, unclaimedBurst)
	}
	clock.now = clock.now.Add(3*unclaimedEvery + unclaimedEvery/2)
	sweep()
	if n := lines(); n != unclaimedBurst+3 {
		t.Errorf("%d lines after three more intervals, want %d", n, unclaimedBurst+3)
	}
	for range 100 {
		clock.now = clock.now.Add(time.Hour)
		sweep()
	}
	if n := lines(); n != unclaimedDistinct {
		t.Errorf("%d lines in the end, want %d", n, unclaimedDistinct)
	}
	if got := bus.Stats().UnclaimedReads; got != 102*PortLimit {
		t.Errorf("counted %d, want %d", got, 102*PortLimit)
	}
}

func TestUnclaimedLogOutlivesAClockSetBack(t *testing.T) {
	bus, clock, lines := logged()
	p := make([]byte, 1)
	bus.Read(1, p)
	clock.now = clock.now.Add(-time.Hour)
	bus.Read(2, p)
	if n := lines(); n != 2 {
		t.Errorf("%d lines, want 2", n)
	}
}
