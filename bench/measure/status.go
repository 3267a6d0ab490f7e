package measure

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PageTables is how much memory the tables of a process's own addresses take, in
// bytes. Those of its guest are KVM's, and not among them.
func PageTables(pid int) (int64, error) {
	return kibOf("/proc/"+strconv.Itoa(pid)+"/status", "VmPTE")
}

// Available is how much memory the host can give to new processes, in bytes.
func Available() (int64, error) { return kibOf("/proc/meminfo", "MemAvailable") }

// kibOf reads a line "NAME: COUNT kB" of a file, as bytes.
func kibOf(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := kibIn(string(text), name)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", path, name, err)
	}
	return n, nil
}

func kibIn(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		count, ok := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		if !ok {
			return 0, errors.New("no count of kB")
		}
		kib, err := strconv.ParseUint(count, 10, 64)
		if err != nil {
			return 0, err
		}
		if kib > maxKiB {
			return 0, errors.New("more memory than there can be")
		}
		return int64(kib << 10), nil
	}
	return 0, errors.New("there is no such line")
}
