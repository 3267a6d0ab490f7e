package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestBarText(t *testing.T) {
	for _, test := range []struct {
		done, total int64
		want        string
	}{
		{0, 0, "web [....................]   0% 0B / 0B"},
		{0, 1 << 30, "web [....................]   0% 0B / 1GiB"},
		{700 << 20, 1 << 30, "web [#############.......]  68% 700MiB / 1GiB"},
		{1<<30 - 1, 1 << 30, "web [###################.]  99% 1024MiB / 1GiB"},
		{1 << 30, 1 << 30, "web [####################] 100% 1GiB / 1GiB"},
		{2 << 30, 1 << 30, "web [####################] 100% 1GiB / 1GiB"},
		{-1, -1, "web [....................]   0% 0B / 0B"},
	} {
		if got := barText("web", test.done, test.total); got != test.want {
			t.Errorf("%d of %d: %q, want %q", test.done, test.total, got, test.want)
		}
	}
	if n := len(barText(strings.Repeat("n", barName), 1023<<40, 1023<<40)); n >= 80 {
		t.Errorf("the longest bar has %d columns", n)
	}
}

// TestProgressIsWrittenOver has a terminal show what was told of, at its pace, and
// nothing when it is over.
func TestProgressIsWrittenOver(t *testing.T) {
	person, tty := testTerminal(t)
	f := snapshotEngineOf()
	f.progress = [][2]int64{{0, 100}, {10, 100}, {20, 100}, {100, 100}}
	a, stdout, _ := hullApp(f, nil, nil)
	a.Stderr = tty
	now := testNow
	a.Now = func() time.Time {
		now = now.Add(60 * time.Millisecond) // every second one is shown
		return now
	}
	if status := a.main(t.Context(), []string{"snapshot", "verify", "golden"}); status != 0 || stdout.String() != "golden: ok\n" {
		t.Errorf("status %d, %q", status, stdout.String())
	}
	const (
		first  = "\rgolden [....................]   0% 0B / 100B"
		second = "\rgolden [####................]  20% 20B / 100B"
		third  = "\rgolden [####################] 100% 100B / 100B"
	)
	want := first + second + third + "\r" + strings.Repeat(" ", len(third)-1) + "\r"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(person, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("the terminal has\n%q, want\n%q", got, want)
	}
}

func TestProgressIsForTerminals(t *testing.T) {
	f := snapshotEngineOf()
	f.progress = [][2]int64{{1, 2}}
	hull(t, f, "snapshot", "create", "web", "x").want(t, "x\n", "", 0)
}
