// Package netnstest gives tests a network of their own.
package netnstest

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/hosttest"
)

// Enter puts the goroutine of a test into a new network namespace, which holds
// nothing but a loopback that is down, until the test ends. Other goroutines stay
// where they are. Where that cannot be the test is skipped, and fails in CI.
func Enter(t testing.TB) {
	t.Helper()
	// The thread is not given back: it ends with the test's goroutine, and the
	// namespace with it.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		hosttest.Missing(t, "a network namespace: unshare: %v", err)
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		hosttest.Missing(t, "%v", err)
	}
	_ = f.Close()
}
