package table

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is what a table has to say of where it was measured.
func Host() string {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	return fmt.Sprintf("Host kernel %s, %d CPUs", unix.ByteSliceToString(uts.Release[:]), runtime.NumCPU())
}

// Load is the host's load average over 1, 5 and 15 minutes.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}
