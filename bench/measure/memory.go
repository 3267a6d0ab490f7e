package measure

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// Overhead is the proportional set size of a process in bytes, less that of its
// mappings of guest memory (memory bytes of it): those of a quarter of it or
// more. No monitor's own mappings are as large and in use.
func Overhead(pid int, memory int64) (int64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps")
	if err != nil {
		return 0, err
	}
	return overheadOf(string(text), memory)
}

func overheadOf(smaps string, memory int64) (int64, error) {
	var total, size int64
	for line := range strings.Lines(smaps) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if len(fields) != 2 || fields[1] != "kB" {
			continue
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, err
		}
		switch name {
		case "Size":
			size = kib << 10
		case "Pss":
			if size < memory/4 {
				total += kib << 10
			}
		}
	}
	if total == 0 {
		return 0, errors.New("no memory is accounted for")
	}
	return total, nil
}
