package measure

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const tracefs = "/sys/kernel/tracing"

// Entries sees when KVM first lets a virtual CPU into a guest, whatever the monitor
// is. There is one at a time on a host, and what it sees is of any guest.
type Entries struct{ dir string }

// NewEntries makes a buffer for what the kernel traces, which Close removes. It
// needs root.
func NewEntries() (*Entries, error) {
	if _, err := os.Stat(filepath.Join(tracefs, "instances")); err != nil {
		if err := unix.Mount("tracefs", tracefs, "tracefs", 0, ""); err != nil {
			return nil, fmt.Errorf("tracefs %q: mount: %w", tracefs, err)
		}
	}
	e := &Entries{dir: filepath.Join(tracefs, "instances", "hull-entries")}
	if err := os.Mkdir(e.dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("trace buffer: %w", err)
	}
	// A buffer that keeps its first entries and drops what comes later costs little.
	err := e.set("tracing_on", "0", "trace_clock", "mono", "options/overwrite", "0", "buffer_size_kb", "64", "events/kvm/kvm_entry/enable", "1")
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// set writes values into files.
func (e *Entries) set(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := os.WriteFile(filepath.Join(e.dir, pairs[i]), []byte(pairs[i+1]+"\n"), 0); err != nil {
			return fmt.Errorf("trace of entries: %w", err)
		}
	}
	return nil
}

// Start forgets what was seen, and begins anew.
func (e *Entries) Start() error {
	return e.set("tracing_on", "0", "trace", "", "tracing_on", "1")
}

// First ends what Start began, and is when the first entry was, on the clock of
// Monotonic. One that was never made is an error.
func (e *Entries) First() (time.Duration, error) {
	if err := e.set("tracing_on", "0"); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join(e.dir, "trace"))
	if err != nil {
		return 0, err
	}
	at, ok := earliest(text)
	if !ok {
		return 0, errors.New("trace of entries: no virtual CPU has entered a guest")
	}
	return at, nil
}

// Close removes the buffer.
func (e *Entries) Close() error {
	return errors.Join(e.set("tracing_on", "0", "events/kvm/kvm_entry/enable", "0"), unix.Rmdir(e.dir))
}

// earliest finds the first moment of a trace in its text form, with one entry a line:
// "  task-123 [000] d..1.  12.345678: kvm_entry: ...".
func earliest(text []byte) (at time.Duration, ok bool) {
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		before, _, found := strings.Cut(s.Text(), ": kvm_entry: ")
		if !found {
			continue
		}
		words := strings.Fields(before)
		if len(words) == 0 {
			continue
		}
		seconds, err := strconv.ParseFloat(words[len(words)-1], 64)
		if err != nil {
			continue
		}
		if stamp := time.Duration(seconds * float64(time.Second)); !ok || stamp < at {
			at, ok = stamp, true
		}
	}
	return at, ok
}

// Monotonic is the clock that traces are stamped with.
func Monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it cannot fail for that
	return time.Duration(ts.Nano())
}
