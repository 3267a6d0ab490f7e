package vmm

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/vmstate"
)

// saved is a machine's state and memory as files.
type saved struct {
	state  []byte
	memory *os.File
}

// save pauses a machine and saves it.
func save(t testing.TB, m *Machine) *saved {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	state := vmstate.New()
	if err := m.Save(ctx, state); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := state.Write(&b); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "memory"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	for _, s := range m.memory.Slots() {
		if err := m.memory.CopyTo(io.NewOffsetWriter(f, s.Offset), s.Base, s.Size); err != nil {
			t.Fatal(err)
		}
	}
	return &saved{state: b.Bytes(), memory: f}
}

// config has a machine begin as s.
func (s *saved) config(t testing.TB, change func(*Config)) func(*Config) {
	t.Helper()
	state, err := vmstate.Read(bytes.NewReader(s.state))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) {
		c.Kernel = Image{}
		c.Restore = &Saved{State: state, Memory: s.memory}
		if change != nil {
			change(c)
		}
	}
}

// counted waits until the guest has counted further than past.
func counted(t testing.TB, m *Machine, past uint64) uint64 {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		n, err := m.memory.Uint64(counterAddr)
		if err != nil {
			t.Fatal(err)
		}
		if n > past {
			return n
		}
	}
	t.Fatalf("the guest has not counted past %d", past)
	return 0
}

// A guest goes on in another machine where it was saved, and in the first one too.
func TestAGuestGoesOnWhereItWasSaved(t *testing.T) {
	m := newBare(t, asmCount, nil)
	m.Start()
	counted(t, m, 0)
	var machines []*Machine
	for range 3 {
		s := save(t, m)
		at, err := m.memory.Uint64(counterAddr)
		if err != nil {
			t.Fatal(err)
		}
		next := newBare(t, nil, s.config(t, nil))
		if n, err := next.memory.Uint64(counterAddr); err != nil || n != at {
			t.Fatalf("the counter is %d, want %d, %v", n, at, err)
		}
		next.Start()
		counted(t, next, at)
		if n, err := m.memory.Uint64(counterAddr); err != nil || n != at {
			t.Fatalf("the machine that was saved counts: it is at %d, and was paused at %d, %v", n, at, err)
		}
		if err := m.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		counted(t, m, at)
		machines = append(machines, m)
		m = next
	}
	for _, m := range append(machines, m) {
		m.Kill()
		waitEnd(t, m)
	}
}

// The whole state of a machine is the same after it was saved, loaded and saved.
func TestTheStateSurvivesALoad(t *testing.T) {
	m := newBare(t, asmHalt, nil)
	m.Start()
	s := save(t, m)
	next := newBare(t, nil, s.config(t, nil))
	next.Start()
	again := save(t, next)
	a, b := sections(t, s.state), sections(t, again.state)
	if len(a) != len(b) {
		t.Errorf("%d sections, and %d after it was loaded", len(a), len(b))
	}
	for _, m := range []*Machine{m, next} {
		m.Kill()
		waitEnd(t, m)
	}
}

func sections(t testing.TB, state []byte) []string {
	t.Helper()
	s, err := vmstate.Read(bytes.NewReader(state))
	if err != nil {
		t.Fatal(err)
	}
	return s.Names()
}

func TestSaveIsForPausedMachines(t *testing.T) {
	m := newBare(t, asmSpin, nil)
	if err := m.Save(t.Context(), vmstate.New()); err != ErrNotRunning {
		t.Errorf("before its start: %v", err)
	}
	m.Start()
	if err := m.Save(t.Context(), vmstate.New()); err != ErrNotPaused {
		t.Errorf("while it runs: %v", err)
	}
	m.Kill()
	waitEnd(t, m)
	if err := m.Save(t.Context(), vmstate.New()); err != ErrNotRunning {
		t.Errorf("after its end: %v", err)
	}
}

// What is not the state of a machine like this one is refused before it runs.
func TestStatesThatAreRefused(t *testing.T) {
	m := newBare(t, asmHalt, nil)
	m.Start()
	s := save(t, m)
	m.Kill()
	waitEnd(t, m)
	for want, change := range map[string]func(*Config){
		"1 vCPUs and 32 MiB of RAM, and this one has 2": func(c *Config) { c.Machine = describe(t, 2, "32MiB") },
		"32 MiB of RAM, and this one has 1 and 16 MiB":  func(c *Config) { c.Machine = describe(t, 1, "16MiB") },
		"image of 33554432 bytes: want a file of":       func(c *Config) { c.Machine = describe(t, 1, "64MiB") },
		`state "vm": it is missing`:                     func(c *Config) { c.Restore.State = vmstate.New() },
		`state "new": this version`: func(c *Config) {
			if err := c.Restore.State.Out("new").Put(1, 1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		c := Config{Machine: describe(t, 1, "32MiB"), AllowSlowKVM: true}
		s.config(t, change)(&c)
		refused, err := New(c)
		if err == nil {
			_ = refused.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}
