package agent

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Real-time signals, as signal(7) numbers them where the C library has taken the
// first two.
const (
	rtMin     = 34
	maxSignal = 64
)

// ParseSignal is the signal of a name, with or without SIG, or of a number:
// TERM, SIGKILL, RTMIN+3, 15.
func ParseSignal(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil && n > 0 && n <= maxSignal {
		return unix.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	for prefix, from := range map[string]int{"RTMIN": rtMin, "RTMAX": maxSignal} {
		offset, ok := strings.CutPrefix(name, prefix)
		n, err := strconv.Atoi(offset)
		if offset == "" {
			n, err = 0, nil
		} else if offset[0] != '+' && offset[0] != '-' {
			continue
		}
		if ok && err == nil && n >= rtMin-maxSignal && n <= maxSignal-rtMin && from+n >= rtMin && from+n <= maxSignal {
			return unix.Signal(from + n), nil
		}
	}
	return 0, fmt.Errorf("%.40q is no signal", s)
}
