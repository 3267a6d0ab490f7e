package blk

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/hullvm/hull/internal/ratelimit"
)

// Stats counts what a device has done since it was made.
type Stats struct {
	Reads, Writes, Flushes, Discards, WriteZeroes uint64 // requests that went well
	ReadBytes, WrittenBytes                       uint64

	Failed      uint64 // requests that the backend failed
	Refused     uint64 // requests that broke a rule
	Unsupported uint64 // requests that the device does not know
	Held        uint64 // times that a limit held a queue back
}

type counters struct {
	reads, writes, flushes, discards, writeZeroes atomic.Uint64
	readBytes, writtenBytes                       atomic.Uint64
	failed, refused, unsupported                  atomic.Uint64
}

// Stats are the counts so far. They are not read at one moment.
func (d *Device) Stats() Stats {
	c := &d.counters
	return Stats{
		Reads:        c.reads.Load(),
		Writes:       c.writes.Load(),
		Flushes:      c.flushes.Load(),
		Discards:     c.discards.Load(),
		WriteZeroes:  c.writeZeroes.Load(),
		ReadBytes:    c.readBytes.Load(),
		WrittenBytes: c.writtenBytes.Load(),
		Failed:       c.failed.Load(),
		Refused:      c.refused.Load(),
		Unsupported:  c.unsupported.Load(),
		Held:         d.limit.Held(),
	}
}

// logLimits bound the log: a guest can make a broken disk fail all day.
var logLimits = ratelimit.Limits{Ops: ratelimit.Rate{PerSecond: 1, Burst: 8}}

// complain logs a request that the backend failed.
func (d *Device) complain(r *request, err error) {
	if d.log == nil || !d.logged.Allow() {
		return
	}
	d.log.LogAttrs(context.Background(), slog.LevelWarn, "disk request failed",
		slog.String("disk", d.name),
		slog.String("request", r.kind.String()),
		slog.Uint64("sector", r.sector),
		slog.Uint64("bytes", r.length),
		slog.Uint64("failed", d.counters.failed.Load()),
		slog.Any("error", err))
}
