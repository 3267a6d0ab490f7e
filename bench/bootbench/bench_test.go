package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPickReadsATrace(t *testing.T) {
	text := []byte(`# tracer: nop
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
            hull-512     [001] d....    12.500000: kvm_entry: vcpu 1, rip 0xfff0
            vcpu0-510    [000] d....    12.250000: kvm_entry: vcpu 0, rip 0x1000000
            vcpu0-510    [000] d....    13.000000: kvm_entry: vcpu 0, rip 0x1000010
`)
	if at, ok := pick(text, false); !ok || at != 12250*time.Millisecond {
		t.Errorf("the first is at %v, %v", at, ok)
	}
	if at, ok := pick(text, true); !ok || at != 13*time.Second {
		t.Errorf("the last is at %v, %v", at, ok)
	}
	if _, ok := pick([]byte("# tracer: nop\n"), false); ok {
		t.Error("found something in an empty trace")
	}
}

func TestSpread(t *testing.T) {
	of := []measured{{overhead: 5}, {overhead: 1}, {overhead: 3}, {overhead: 2}}
	low, mid, high, ok := spread(of, func(b measured) (float64, bool) { return float64(b.overhead), true })
	if low != 1 || mid != 2.5 || high != 5 || !ok {
		t.Errorf("got %v, %v, %v, %v", low, mid, high, ok)
	}
	if _, _, _, ok := spread(of, func(measured) (float64, bool) { return 0, false }); ok {
		t.Error("a figure that no boot has was found")
	}
}

// Whatever happened, each row of each monitor is one line, and all lines have
// the same number of cells.
func TestTheTablesColumnsLineUp(t *testing.T) {
	monitors := peers(options{})
	r := newResults(monitors)
	full := map[string]time.Duration{eventReady: time.Second}
	for _, e := range events {
		full[e.name] = time.Second
	}
	few := map[string]time.Duration{eventReady: 2 * time.Second}
	machines := []row{{"bzImage", 1, 128}, {"vmlinux", 4, 512}}
	for range 3 {
		r.add(machines[0], monitors[0], measured{at: full}, nil)
		r.add(machines[0], monitors[1], measured{at: few}, nil)
		r.add(machines[0], monitors[2], measured{}, errors.New("a | b\nc"))
		r.add(machines[0], monitors[3], measured{}, errNotApplicable("x|y"))
	}
	r.add(machines[1], monitors[0], measured{at: full}, nil)
	r.add(machines[1], monitors[1], measured{}, errors.New("once"))
	r.add(machines[1], monitors[1], measured{at: few}, nil)
	var out strings.Builder
	if err := r.print(&out, options{rounds: 3}); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	cells := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		got := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), "\\|", ""), "|")
		if cells == 0 {
			cells = len(got)
		}
		if len(got) != cells {
			t.Errorf("%d cells, the head has %d: %s", len(got)-2, cells-2, line)
		}
		if key := got[1] + got[2]; seen[key] {
			t.Errorf("twice: %s", line)
		} else {
			seen[key] = true
		}
	}
	if want := 2 + 4 + 2; len(seen) != want {
		t.Errorf("%d lines, want %d:\n%s", len(seen), want, out.String())
	}
	for _, want := range []string{"2.00 |", "(1 of 2 failed)", "did not boot", "cannot: x\\|y", "3 of 3: a \\| b c"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
