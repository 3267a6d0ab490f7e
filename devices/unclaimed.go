package devices

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// What the log of unclaimed accesses may cost. A guest chooses its addresses,
// so both the rate and the total are bounded: probing every port fills neither
// a disk nor memory.
const (
	unclaimedDistinct = 64              // lines in a bus's life, one for each address and direction
	unclaimedBurst    = 16              // lines at once
	unclaimedEvery    = time.Second / 4 // and then one in this time
)

// BusStats counts what a bus could not route. An access that is unclaimed in
// part counts once for each unclaimed part.
type BusStats struct {
	UnclaimedReads, UnclaimedWrites uint64
}

// unclaimed counts accesses that no region claims and logs some of them.
type unclaimed struct {
	log   *slog.Logger // nil: count only
	clock Clock

	reads, writes atomic.Uint64
	full          atomic.Bool // unclaimedDistinct lines are out: nothing more to log

	mu     sync.Mutex // guards what follows
	seen   map[unclaimedKey]struct{}
	tokens int
	filled time.Time // when tokens was last counted up
}

type unclaimedKey struct {
	addr  uint64
	write bool
}

func (u *unclaimed) stats() BusStats {
	return BusStats{UnclaimedReads: u.reads.Load(), UnclaimedWrites: u.writes.Load()}
}

func (u *unclaimed) count(bus string, addr uint64, size int, write bool) {
	access := "read"
	if write {
		u.writes.Add(1)
		access = "write"
	} else {
		u.reads.Add(1)
	}
	if u.log == nil || u.full.Load() {
		return
	}
	line, last := u.admit(unclaimedKey{addr, write})
	if !line {
		return
	}
	// Logged outside the lock: a slow log must not hold up the other vCPUs.
	u.log.LogAttrs(context.Background(), slog.LevelInfo, "unclaimed access",
		slog.String("bus", bus),
		slog.String("access", access),
		slog.String("address", fmt.Sprintf("%#x", addr)),
		slog.Int("size", size))
	if last {
		u.log.LogAttrs(context.Background(), slog.LevelInfo, "further unclaimed accesses are counted, not logged",
			slog.String("bus", bus),
			slog.Int("logged", unclaimedDistinct))
	}
}

// admit reports whether an access may be logged, and whether it is the last
// one ever. An access refused for the rate alone may be logged when it recurs.
func (u *unclaimed) admit(key unclaimedKey) (line, last bool) {
	u.mu.Lock()
	defer u.mu.Unlock()

	if _, ok := u.seen[key]; ok || len(u.seen) == unclaimedDistinct {
		return false, false
	}
	now := u.clock.Now()
	if u.seen == nil {
		u.seen = make(map[unclaimedKey]struct{}, unclaimedDistinct)
		u.tokens, u.filled = unclaimedBurst, now
	}
	if n := now.Sub(u.filled) / unclaimedEvery; n > 0 {
		u.tokens = int(min(time.Duration(u.tokens)+n, unclaimedBurst))
		u.filled = now
	}
	if u.tokens == 0 {
		return false, false
	}
	u.tokens--
	u.seen[key] = struct{}{}
	last = len(u.seen) == unclaimedDistinct
	if last {
		u.full.Store(true)
	}
	return true, last
}
