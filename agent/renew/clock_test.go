package renew

import (
	"testing"
	"time"
)

func TestIsLate(t *testing.T) {
	now := time.Now().UnixNano()
	for ahead, want := range map[time.Duration]bool{
		-time.Hour: false, -time.Millisecond: false, 0: false,
		time.Nanosecond: true, 2 * time.Second: true, late - 1: true, late: false, time.Hour: false,
	} {
		if got := isLate(now, now-int64(ahead)); got != want {
			t.Errorf("a clock that is ahead by %v: %v", ahead, got)
		}
	}
}
