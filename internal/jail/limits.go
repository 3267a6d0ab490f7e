package jail

import (
	"golang.org/x/sys/unix"
)

// LimitFiles allows so many descriptors, or as near to that as the process may
// get.
func LimitFiles(most uint64) error {
	want := unix.Rlimit{Cur: most, Max: most}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &want) == nil {
		return nil
	}
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &have); err != nil {
		return err
	}
	want.Max = min(have.Max, most)
	want.Cur = want.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &want)
}

// NoCoreDump allows no core dump: it would have the guest's data in it.
func NoCoreDump() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
