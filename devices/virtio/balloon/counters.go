package balloon

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/hullvm/hull/internal/ratelimit"
)

// Counters are what a balloon has done since it was made.
type Counters struct {
	Inflated uint64 // pages of 4 KiB that the guest gave up
	Deflated uint64 // pages of 4 KiB that it took back
	Reported uint64 // bytes that it reported as free

	Discards uint64 // pieces of memory given back to the host
	Failed   uint64 // pieces that the host did not take
	Refused  uint64 // pages, pieces and requests that broke a rule
}

type counters struct {
	inflated, deflated, reported, discards, failed, refused atomic.Uint64
}

// Counters are the counts so far. They are not read at one moment.
func (d *Device) Counters() Counters {
	c := &d.counters
	return Counters{
		Inflated: c.inflated.Load(), Deflated: c.deflated.Load(), Reported: c.reported.Load(),
		Discards: c.discards.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(),
	}
}

// errBroken ends the other queues of a device that needs a reset.
var errBroken = errors.New("the device needs a reset")

// logLimits bound the log.
var logLimits = ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: 1, Burst: 8}}

// complain logs that the host did not take memory back.
func (d *Device) complain(err error) {
	if d.log != nil && d.logged.Allow() {
		d.log.LogAttrs(context.Background(), slog.LevelWarn, "memory was not given back to the host",
			slog.String("balloon", d.name), slog.Any("error", err))
	}
}
