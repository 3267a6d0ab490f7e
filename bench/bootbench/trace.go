package main

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

// event is a moment of a boot that a tracepoint of KVM shows, whatever the
// monitor is.
type event struct {
	name   string
	point  string // tracepoint
	filter string
	last   bool // the last one counts, not the first
}

var events = []event{
	{"first instruction", "kvm_entry", "", false},
	// The first entry with an instruction pointer in the kernel's own mapping:
	// behind firmware and decompressor.
	{"kernel", "kvm_entry", "rip > 0xffffffff80000000", false},
	// Linux itself writes to port 0x80 for a delay, with any value, before init.
	{"init", "kvm_pio", "rw == 1 && port == 0x80 && val == 0x41", true},
	{"agent", "kvm_pio", "rw == 1 && port == 0x80 && val == 0x42", true},
}

// tracer has one trace buffer for each event. A buffer keeps its first entries
// and drops what comes later, so that it costs little.
type tracer struct {
	root string
	dirs []string
}

func newTracer() (_ *tracer, err error) {
	t := &tracer{root: "/sys/kernel/tracing"}
	if _, err := os.Stat(filepath.Join(t.root, "instances")); err != nil {
		if err := unix.Mount("tracefs", t.root, "tracefs", 0, ""); err != nil {
			return nil, fmt.Errorf("tracefs %q: mount: %w", t.root, err)
		}
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	for i, e := range events {
		dir := filepath.Join(t.root, "instances", fmt.Sprintf("bootbench%d", i))
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("trace buffer: %w", err)
		}
		t.dirs = append(t.dirs, dir)
		point := filepath.Join("events/kvm", e.point)
		for _, set := range [][2]string{
			{"tracing_on", "0"},
			{"trace_clock", "mono"},
			{"options/overwrite", "0"},
			{"buffer_size_kb", "64"},
			{point + "/filter", cmpOr(e.filter, "0")},
			{point + "/enable", "1"},
		} {
			if err := os.WriteFile(filepath.Join(dir, set[0]), []byte(set[1]+"\n"), 0); err != nil {
				return nil, fmt.Errorf("trace event %q: %w", e.name, err)
			}
		}
	}
	return t, nil
}

func cmpOr(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

func (t *tracer) close() {
	for i, dir := range t.dirs {
		_ = os.WriteFile(filepath.Join(dir, "events/kvm", events[i].point, "enable"), []byte("0\n"), 0)
		_ = unix.Rmdir(dir)
	}
}

// start empties the buffers and begins.
func (t *tracer) start() error {
	for _, dir := range t.dirs {
		for _, set := range [][2]string{{"tracing_on", "0"}, {"trace", ""}, {"tracing_on", "1"}} {
			if err := os.WriteFile(filepath.Join(dir, set[0]), []byte(set[1]+"\n"), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop ends the recording and returns the events seen, on the monotonic clock.
func (t *tracer) stop() (map[string]time.Duration, error) {
	seen := make(map[string]time.Duration)
	for i, dir := range t.dirs {
		if err := os.WriteFile(filepath.Join(dir, "tracing_on"), []byte("0\n"), 0); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(filepath.Join(dir, "trace"))
		if err != nil {
			return nil, err
		}
		if at, ok := pick(text, events[i].last); ok {
			seen[events[i].name] = at
		}
	}
	return seen, nil
}

// pick finds the earliest or the latest entry of a trace in its text form:
// "  task-123 [000] d..1.  12.345678: kvm_entry: ...".
func pick(text []byte, last bool) (at time.Duration, ok bool) {
	s := bufio.NewScanner(bytes.NewReader(text))
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		for _, field := range strings.Fields(s.Text()) {
			number, found := strings.CutSuffix(field, ":")
			if !found {
				continue
			}
			seconds, err := strconv.ParseFloat(number, 64)
			if err != nil {
				continue
			}
			stamp := time.Duration(seconds * float64(time.Second))
			if !ok || last && stamp > at || !last && stamp < at {
				at, ok = stamp, true
			}
			break
		}
	}
	return at, ok
}

// monotonic is the clock that the traces are stamped with.
func monotonic() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}
