package vsock

import (
	"os"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// checkDescriptors fails t where more descriptors are open in the end than now.
// Those of the runtime's poller, which come with the first use, are opened before.
func checkDescriptors(t testing.TB) {
	t.Helper()
	if p, err := newPoller(); err == nil {
		p.close()
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
