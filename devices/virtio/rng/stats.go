package rng

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"github.com/hullvm/hull/internal/ratelimit"
	"github.com/hullvm/hull/mem"
)

// Stats counts what a device has done since it was made.
type Stats struct {
	Requests, Bytes uint64 // requests answered, and the random bytes they got

	Failed  uint64 // requests that the source failed
	Refused uint64 // requests without room, or with room that is not memory
	Held    uint64 // times that a limit held the queue back
}

type counters struct {
	requests, bytes, failed, refused atomic.Uint64
}

// Stats are the counts so far. They are not read at one moment.
func (d *Device) Stats() Stats {
	c := &d.counters
	return Stats{
		Requests: c.requests.Load(), Bytes: c.bytes.Load(),
		Failed: c.failed.Load(), Refused: c.refused.Load(), Held: d.limit.Held(),
	}
}

// logLimits bound the log.
var logLimits = ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: 1, Burst: 8}}

// count notes a request that got n bytes, and why it got no more.
func (d *Device) count(n uint32, err error) {
	d.counters.requests.Add(1)
	d.counters.bytes.Add(uint64(n))
	var access *mem.AccessError
	switch {
	case err == nil:
	case errors.Is(err, errNoRoom), errors.As(err, &access):
		d.counters.refused.Add(1)
	default:
		d.counters.failed.Add(1)
		if d.log != nil && d.logged.Allow() {
			d.log.LogAttrs(context.Background(), slog.LevelWarn, "no entropy for the guest",
				slog.String("device", d.name), slog.Any("error", err))
		}
	}
}
