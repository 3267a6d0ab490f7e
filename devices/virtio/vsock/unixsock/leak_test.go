package unixsock

import (
	"net"
	"os"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// checkLeaks fails t where goroutines or descriptors are left in the end.
func checkLeaks(t *testing.T) {
	t.Helper()
	devicestest.CheckGoroutines(t)
	if l, err := net.Listen("unix", t.TempDir()+"/first"); err == nil {
		_ = l.Close() // the runtime's poller is there now
	}
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	t.Cleanup(func() {
		devicestest.Eventually(t, "every descriptor to be closed", func() bool { return count() <= before })
	})
}
