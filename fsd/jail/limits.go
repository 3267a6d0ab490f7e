package jail

import (
	"golang.org/x/sys/unix"
)

// maxFiles is the most descriptors that are asked for: Linux's own limit where
// nobody changed it (fs.nr_open).
const maxFiles = 1 << 20

// limits allows as many descriptors as the process may have, and no core dump:
// it would have the guest's data in it.
func limits() error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	more := unix.Rlimit{Cur: max(maxFiles, files.Max), Max: max(maxFiles, files.Max)}
	if files.Max >= maxFiles || unix.Setrlimit(unix.RLIMIT_NOFILE, &more) != nil {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files.Max, Max: files.Max}); err != nil {
			return err
		}
	}
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}
