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
	before := descriptors(t)
	t.Cleanup(func() {
		devicestest.Eventually(t, "every descriptor to be closed", func() bool { return len(descriptors(t)) <= len(before) })
		if t.Failed() {
			t.Logf("descriptors were %q and are %q", before, descriptors(t))
		}
	})
}

// descriptors says what is open.
func descriptors(t testing.TB) (open []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		link, _ := os.Readlink("/proc/self/fd/" + e.Name())
		open = append(open, link)
	}
	return open
}
