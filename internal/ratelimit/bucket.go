package ratelimit

import (
	"math"
	"math/bits"
	"time"
)

// Rate is what may pass in the long run, and at once after a rest.
type Rate struct {
	PerSecond uint64 // 0 for no limit
	Burst     uint64 // 0 for a tenth of a second's worth, at least 1
}

// maxTokens bounds a rate, a burst and a debt, so that sums of them fit an
// int64.
const maxTokens = math.MaxInt64 / 4

// maxDelay is the longest wait that is worked out at once.
const maxDelay = 24 * time.Hour

// bucket is a token bucket. It is for one goroutine at a time.
type bucket struct {
	rate, burst uint64 // rate is 0 for no limit

	level int64  // tokens; less than 0 is debt
	part  uint64 // of a token, in units of 1/1e9; 0 when the bucket is full
	at    time.Time
}

// set changes the rate. What is owed stays owed. A bucket that had no limit
// begins full.
func (b *bucket) set(r Rate, now time.Time) {
	b.fill(now)
	begin := b.rate == 0
	b.rate, b.burst = min(r.PerSecond, maxTokens), min(r.Burst, maxTokens)
	if b.burst == 0 {
		b.burst = max(b.rate/10, 1)
	}
	if begin || b.level >= int64(b.burst) {
		b.level, b.part = int64(b.burst), 0
	}
	b.at = now
}

// fill adds what came since the last time. A clock that went back adds nothing.
func (b *bucket) fill(now time.Time) {
	passed := now.Sub(b.at)
	b.at = now
	if b.rate == 0 || passed <= 0 {
		return
	}
	// passed is in units of 1e-9 s, so rate times passed counts 1e-9 tokens.
	hi, lo := bits.Mul64(b.rate, uint64(passed))
	lo, carry := bits.Add64(lo, b.part, 0)
	hi += carry
	if hi >= 1e9 { // 2^64 tokens or more
		b.level, b.part = int64(b.burst), 0
		return
	}
	tokens, part := bits.Div64(hi, lo, 1e9)
	room := uint64(int64(b.burst) - b.level) // level is never above burst
	if tokens >= room {
		b.level, b.part = int64(b.burst), 0
		return
	}
	b.level += int64(tokens)
	b.part = part
}

// take counts n tokens as gone.
func (b *bucket) take(n uint64) {
	if b.rate == 0 {
		return
	}
	b.level = max(b.level-int64(min(n, maxTokens)), -maxTokens)
}

// delay is how long it takes until there is a whole token, rounded up, at most
// maxDelay; 0 where there is one.
func (b *bucket) delay() time.Duration {
	if b.rate == 0 || b.level > 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(1-b.level), 1e9)
	lo, borrow := bits.Sub64(lo, b.part, 0)
	hi -= borrow // part is less than one token
	lo, carry := bits.Add64(lo, b.rate-1, 0)
	hi += carry
	if hi >= b.rate {
		return maxDelay
	}
	ns, _ := bits.Div64(hi, lo, b.rate)
	return time.Duration(min(ns, uint64(maxDelay)))
}
