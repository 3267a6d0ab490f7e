package monitor_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/calltrace"
	"github.com/hullvm/hull/internal/guesttest"
	base "github.com/hullvm/hull/internal/jail"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/jail"
	"github.com/hullvm/hull/monitor/spawn"
)

// The filter has no calls that no machine makes. This one does little; what only
// others make is marked so in the tables.
func TestTheCallsThatAreAllowedAreMade(t *testing.T) {
	if why := calltrace.Missing(); why != "" {
		guesttest.Missing(t, why)
	}
	var tracer *calltrace.Tracer
	dir := t.TempDir()
	makeImages(t, dir)
	// Each vCPU has a thread for itself: so many make new ones needed.
	m := start(t, asmEcho, devices(dir)+"[cpu]\ncount = 16\n", func(c *spawn.Config) {
		c.Placed = func(pid int) (err error) {
			tracer, err = calltrace.Attach(pid)
			return err
		}
	})
	ctx := timed(t)
	if err := m.client.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := m.serial.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := m.serial.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for range 5 { // its threads go to sleep and wake
		time.Sleep(50 * time.Millisecond)
		m.is(control.Running)
	}
	if err := m.client.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.client.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	m.ends(control.Exit{Reason: "kill"})
	counts, err := tracer.Counts()
	if err != nil {
		t.Fatal(err)
	}
	complain(t, counts)
}

// complain names what is in the tables and was not made, though not marked as rare.
func complain(t *testing.T, counts calltrace.Counts) {
	t.Helper()
	for _, c := range slices.Concat(base.Runtime(), base.RuntimeConditional(), jail.Calls(), jail.Conditional()) {
		switch n := counts.Calls[c.Name]; {
		case n == 0 && c.Rare == "":
			t.Errorf("%s was not made, and is not marked as rare", c.Name)
		case n == 0:
			t.Logf("%s was not made: %s", c.Name, c.Rare)
		}
	}
	for _, r := range jail.Requests() {
		switch n := counts.Requests[r.Number]; {
		case n == 0 && r.Rare == "":
			t.Errorf("%s was not made, and is not marked as rare", r.Name)
		case n == 0:
			t.Logf("%s was not made: %s", r.Name, r.Rare)
		}
	}
}
