package vmm

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/guesttest"
)

func TestTheStateOfAMachine(t *testing.T) {
	guesttest.RequireDevice(t)
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	m := newBare(t, asmSpin, func(c *Config) { c.KVMFile = f })
	if _, err := f.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the open device is left open: %v", err)
	}
	is := func(want State, threads bool) {
		t.Helper()
		if got := m.State(); got != want {
			t.Errorf("the machine is %v, want %v", got, want)
		}
		if tids := m.Threads(); len(tids) != 1 || threads != (tids[0] != 0 && unix.Tgkill(os.Getpid(), tids[0], 0) == nil) {
			t.Errorf("%v: threads %v", want, tids)
		}
	}
	is(Ready, false)
	m.Start()
	for _, move := range []struct {
		to   State
		call func(context.Context) error
	}{{Paused, m.Pause}, {Running, m.Resume}} {
		if err := move.call(t.Context()); err != nil {
			t.Fatal(err)
		}
		is(move.to, true)
	}
	if n, err := m.MemoryResident(); err != nil || n == 0 || n > m.MemorySize() || m.MemorySize() != 32<<20 {
		t.Errorf("%d bytes of %d are resident, %v", n, m.MemorySize(), err)
	}
	m.Kill()
	waitEnd(t, m)
	is(Ended, false)
}

// A machine that is killed before its start ends with it, without an instruction.
func TestKillBeforeTheStart(t *testing.T) {
	m := newBare(t, asmPowerOff, nil)
	m.Kill()
	if exit := runToEnd(t, m); exit.Reason != Killed {
		t.Errorf("ended by %v", exit)
	}
}

func TestAnOpenDeviceThatIsNotKVM(t *testing.T) {
	for name, description := range map[string]*configs.Machine{"description": describe(t, 1, "32MiB"), "none": nil} {
		f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := New(Config{Machine: description, KVMFile: f}); err == nil || description != nil && !strings.Contains(err.Error(), os.DevNull) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: it was left open", name)
		}
	}
}
