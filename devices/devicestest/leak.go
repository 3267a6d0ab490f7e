package devicestest

import (
	"runtime"
	"testing"
	"time"
)

// leakDeadline bounds the wait for goroutines that are on their way out. Only
// a failing test waits that long.
const leakDeadline = 10 * time.Second

// CheckGoroutines fails t where, when it has ended and cleaned up, more
// goroutines run than at this call. It is for tests that do not run in
// parallel with others.
func CheckGoroutines(t testing.TB) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		Eventually(t, "every goroutine to end", func() bool { return runtime.NumGoroutine() <= before })
		if t.Failed() && runtime.NumGoroutine() > before {
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
		}
	})
}

// Eventually waits until holds does, and fails t where it still does not after
// a time that no working code needs.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(leakDeadline); !holds(); {
		if time.Now().After(end) {
			t.Errorf("waited %v for %s", leakDeadline, what)
			return
		}
		runtime.Gosched()
		time.Sleep(100 * time.Microsecond)
	}
}
