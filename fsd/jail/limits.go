package jail

import (
	"golang.org/x/sys/unix"
)

// maxFiles is the most descriptors that the process may have: Linux's own limit
// where nobody changed it (fs.nr_open).
const maxFiles = 1 << 20

// limits allows as many descriptors, or as near to that as the process may get,
// and no core dump: it would have the guest's data in it.
func limits() error {
	want := unix.Rlimit{Cur: maxFiles, Max: maxFiles}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &want) != nil {
		var have unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &have); err != nil {
			return err
		}
		want.Max = min(have.Max, maxFiles)
		want.Cur = want.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
			return err
		}
	}
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
