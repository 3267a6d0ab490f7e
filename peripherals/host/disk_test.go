package host

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/disk"
)

// disksOf is a machine of two disks, and one that has only one of them.
func disksOf(t *testing.T) (both, first, second *configs.Machine) {
	t.Helper()
	dir := t.TempDir()
	var devices []string
	for _, name := range []string{"a", "b"} {
		path := filepath.Join(dir, name)
		if err := disk.Create(path, disk.CreateOptions{Format: disk.Raw, Size: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		devices = append(devices, "[[disk]]\nname = '"+name+"'\npath = '"+path+"'\nformat = 'raw'\n")
	}
	return machine(t, strings.Join(devices, "")), machine(t, devices[0]), machine(t, devices[1])
}

func tryOpen(t *testing.T, m *configs.Machine, unlocked bool) (*Host, error) {
	t.Helper()
	h, err := Open(t.Context(), m, Options{Monitor: true, KVM: os.DevNull, Unlocked: unlocked})
	if err == nil {
		t.Cleanup(func() { _ = h.Close() })
	}
	return h, err
}

func mustOpen(t *testing.T, m *configs.Machine, unlocked bool) *Host {
	t.Helper()
	h, err := tryOpen(t, m, unlocked)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// free says whether another can have the disks of a machine.
func free(t *testing.T, m *configs.Machine) bool {
	t.Helper()
	h, err := tryOpen(t, m, false)
	if err != nil {
		if !strings.Contains(err.Error(), "in use") {
			t.Fatal(err)
		}
		return false
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestDisksGoFromOneHostToAnother(t *testing.T) {
	m, _, _ := disksOf(t)
	source := mustOpen(t, m, false)
	if free(t, m) {
		t.Fatal("a locked disk is free")
	}
	target := mustOpen(t, m, true)
	if err := target.LockDisks(); err == nil || !strings.Contains(err.Error(), `disk "a"`) {
		t.Errorf("locked what the source has: %v", err)
	}
	for _, step := range []struct {
		do   func() error
		free bool
	}{
		{source.UnlockDisks, true},
		{source.UnlockDisks, true}, // which they are
		{target.LockDisks, false},
		{target.LockDisks, false}, // which they are
		{source.Close, false},     // its descriptors are others
		{target.UnlockDisks, true},
		{target.LockDisks, false},
		{target.Close, true},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got := free(t, m); got != step.free {
			t.Fatalf("free: %v, want %v", got, step.free)
		}
	}
}

func TestAllDisksAreLockedOrNone(t *testing.T) {
	m, first, second := disksOf(t)
	other := mustOpen(t, second, false)
	h := mustOpen(t, m, true)
	if err := h.LockDisks(); err == nil || !strings.Contains(err.Error(), `disk "b"`) {
		t.Errorf("locked what another has: %v", err)
	}
	if !free(t, first) {
		t.Error("one of them stays locked")
	}
	if err := errors.Join(other.Close(), h.LockDisks()); err != nil {
		t.Fatal(err)
	}
	if free(t, first) || free(t, second) {
		t.Error("not all are locked")
	}
}

// Locks are the machine's as long as either process has it.
func TestWhoClosesADiskLeavesItToTheOther(t *testing.T) {
	m, _, _ := disksOf(t)
	h := mustOpen(t, m, false)
	if err := h.Files.Close(); err != nil { // as when the monitor has taken them, and ended
		t.Fatal(err)
	}
	if free(t, m) {
		t.Error("free while one has them")
	}
	if err := h.UnlockDisks(); err != nil || !free(t, m) {
		t.Errorf("unlocked: %v", err)
	}
}
