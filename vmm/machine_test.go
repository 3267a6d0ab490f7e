package vmm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
)

func TestEveryEndHasItsReason(t *testing.T) {
	for name, test := range map[string]struct {
		code []byte
		want Exit
	}{
		"ACPI power-off":       {asmPowerOff, Exit{Reason: PowerOff}},
		"i8042 reset":          {asmI8042Reset, Exit{Reason: Reset}},
		"ACPI reset register":  {asmResetReg, Exit{Reason: Reset}},
		"panic":                {asmPanic, Exit{Reason: GuestPanic}},
		"triple fault":         {asmTripleFault, Exit{Reason: TripleFault}},
		"status, power-off":    {slices.Concat(asmStatus7, asmPowerOff), Exit{Reason: PowerOff, Status: &GuestStatus{Code: 7}}},
		"signal, power-off":    {slices.Concat(asmStatusKill, asmPowerOff), Exit{Reason: PowerOff, Status: &GuestStatus{Signal: 9}}},
		"two statuses, reset":  {slices.Concat(asmStatusKill, asmStatus7, asmResetReg), Exit{Reason: Reset, Status: &GuestStatus{Code: 7}}},
		"output then poweroff": {slices.Concat(say("bye"), asmPowerOff), Exit{Reason: PowerOff}},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				m := newBare(t, test.code, nil)
				got := runToEnd(t, m)
				if got.Reason != test.want.Reason || got.Err != nil {
					t.Fatalf("ended by %v, want %v", got, test.want)
				}
				if (got.Status == nil) != (test.want.Status == nil) || got.Status != nil && *got.Status != *test.want.Status {
					t.Fatalf("reported %v, want %v", got.Status, test.want.Status)
				}
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestAVCPUThatCannotGoOnEndsTheMachine(t *testing.T) {
	var log bytes.Buffer
	m := newBare(t, asmToHole, func(c *Config) { c.Machine = describe(t, 2, "32MiB"); c.Log = guesttest.Logger(&log) })
	exit := runToEnd(t, m)
	if exit.Reason != InternalError || exit.Err == nil || !strings.Contains(exit.Err.Error(), "vCPU 0: run: KVM exit") {
		t.Errorf("ended by %v", exit)
	}
	if !strings.Contains(log.String(), "rip=0xd0000000") {
		t.Errorf("the log does not say where the guest stood:\n%s", &log)
	}
}

func TestKill(t *testing.T) {
	for name, code := range map[string][]byte{"a spinning guest": asmSpin, "a halted guest": asmHalt} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				m := newBare(t, slices.Concat(mark(1), code), func(c *Config) { c.Machine = describe(t, 2, "32MiB") })
				m.Start()
				m.Kill()
				m.Kill()
				if exit := waitEnd(t, m); exit.Reason != Killed {
					t.Fatalf("ended by %v", exit)
				}
			}
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	m := newBare(t, asmSpin, nil)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	if exit := m.Run(ctx); exit.Reason != Killed {
		t.Errorf("ended by %v", exit)
	}
}

func TestCloseEndsARunningMachine(t *testing.T) {
	m := newBare(t, asmSpin, nil)
	m.Start()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if exit := waitEnd(t, m); exit.Reason != Killed {
		t.Errorf("ended by %v", exit)
	}
	if err := m.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestPauseHoldsTheGuest(t *testing.T) {
	m := newBare(t, asmCount, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := m.Pause(ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("pause before the start: %v, want %v", err, ErrNotRunning)
	}
	m.Start()
	last := uint64(0)
	for range 20 {
		waitForCount(t, m, last)
		if err := m.Pause(ctx); err != nil {
			t.Fatal(err)
		}
		if err := m.Pause(ctx); err != nil {
			t.Fatalf("pause of a paused machine: %v", err)
		}
		held := count(t, m)
		time.Sleep(2 * time.Millisecond)
		if now := count(t, m); now != held {
			t.Fatalf("a paused guest counted from %d to %d", held, now)
		}
		last = held
		if err := m.Resume(ctx); err != nil {
			t.Fatal(err)
		}
	}
	m.Kill()
	waitEnd(t, m)
	if err := m.Resume(ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("resume after the end: %v, want %v", err, ErrNotRunning)
	}
}

func count(t *testing.T, m *Machine) uint64 {
	t.Helper()
	n, err := m.memory.Uint64(counterAddr)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func waitForCount(t *testing.T, m *Machine, beyond uint64) {
	t.Helper()
	for deadline := time.Now().Add(patience); count(t, m) <= beyond; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the guest has stood at %d for %v", beyond, patience)
		}
	}
}

func TestRequestsRaceWithTheEnd(t *testing.T) {
	for range 20 {
		m := newBare(t, asmSpin, func(c *Config) { c.Machine = describe(t, 2, "32MiB") })
		m.Start()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if err := errors.Join(m.Pause(ctx), m.Resume(ctx)); err != nil {
						if !errors.Is(err, ErrNotRunning) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		wg.Go(func() { _ = m.Dump(bytes.NewBuffer(nil)) })
		time.Sleep(time.Millisecond)
		m.Kill()
		waitEnd(t, m)
		wg.Wait()
		cancel()
	}
}

func TestPauseOfAMachineThatEndsByItself(t *testing.T) {
	for range 20 {
		m := newBare(t, asmPowerOff, nil)
		m.Start()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := m.Pause(ctx); err != nil && !errors.Is(err, ErrNotRunning) {
			t.Fatal(err)
		}
		if err := m.Resume(ctx); err != nil && !errors.Is(err, ErrNotRunning) {
			t.Fatal(err)
		}
		cancel()
		if exit := waitEnd(t, m); exit.Reason != PowerOff {
			t.Fatalf("ended by %v", exit)
		}
	}
}

func TestConsoleCarriesBothWays(t *testing.T) {
	out := newOutput()
	m := newBare(t, asmEcho, func(c *Config) { c.Console = out })
	m.Start()
	text := strings.Repeat("All work and no play. ", 20)
	if n, err := m.Console().Write([]byte(text)); err != nil || n != len(text) {
		t.Fatalf("wrote %d bytes, %v", n, err)
	}
	out.waitFor(t, text)
	m.Kill()
	waitEnd(t, m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Console().Write([]byte("x")); err == nil {
		t.Error("the console of a closed machine takes input")
	}
}

func TestWhatWasSaidBeforeTheEndIsNotLost(t *testing.T) {
	for range 20 {
		out := newOutput()
		m := newBare(t, slices.Concat(say("last words"), asmPowerOff), func(c *Config) { c.Console = out })
		runToEnd(t, m)
		if got := out.String(); got != "last words" {
			t.Fatalf("the guest said %q", got)
		}
	}
}

func TestDumpSaysWhereEachVCPUStands(t *testing.T) {
	m := newBare(t, asmSpin, func(c *Config) { c.Machine = describe(t, 2, "32MiB") })
	if err := m.Dump(&bytes.Buffer{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before the start: %v", err)
	}
	m.Start()
	var b bytes.Buffer
	if err := m.Dump(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"vcpu 0: ", "rip=0x100000 ", "vcpu 1: ", "unclaimed: "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

func TestTimelineIsInOrderAndBounded(t *testing.T) {
	marks := slices.Concat(mark(markKernelDone), mark(markAgentReady), bytes.Repeat(mark(7), 200))
	m := newBare(t, slices.Concat(marks, asmPowerOff), nil)
	runToEnd(t, m)
	got := m.Timeline()
	if len(got) != maxMarks {
		t.Errorf("%d marks kept, want the limit, %d", len(got), maxMarks)
	}
	want := []string{MarkBuilt, MarkRun, MarkKernelDone, MarkAgentReady}
	for i, name := range want {
		if got[i].Name != name || i > 0 && got[i].At < got[i-1].At {
			t.Fatalf("marks begin with %v, want the order %v", got[:len(want)], want)
		}
	}
}

func TestNewLeavesNothingBehindWhenItRefuses(t *testing.T) {
	guesttest.RequireDevice(t)
	image := guesttest.BareKernel(asmSpin)
	good := Image{Name: "good", File: bytes.NewReader(image), Size: int64(len(image))}
	text := strings.Repeat("not a kernel", 1000)
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no description": {func(c *Config) { c.Machine = nil }, "no description"},
		"no KVM":         {func(c *Config) { c.KVM = "/nonexistent" }, "/nonexistent"},
		"not KVM":        {func(c *Config) { c.KVM = "/dev/null" }, "/dev/null"},
		"not a kernel": {func(c *Config) {
			c.Kernel = Image{Name: "essay", File: strings.NewReader(text), Size: int64(len(text))}
		}, `"essay"`},
		"truncated kernel":  {func(c *Config) { c.Kernel = Image{Name: "cut", File: bytes.NewReader(image[:100]), Size: 100} }, `"cut"`},
		"empty kernel":      {func(c *Config) { c.Kernel = Image{Name: "nil", File: bytes.NewReader(nil)} }, `"nil"`},
		"initrd too large":  {func(c *Config) { c.Initrd = Image{Name: "huge", File: zeros{}, Size: 64 << 20} }, `"huge"`},
		"memory too large":  {func(c *Config) { c.Machine = describe(t, 1, "16MiB"); c.Machine.Memory.Size = 8 << 40 }, "the host has"},
		"too many vCPUs":    {func(c *Config) { c.Machine.CPU.Count = 100000 }, "cpu.count"},
		"command line long": {func(c *Config) { c.Cmdline = strings.Repeat("x", 1<<17) }, "command line"},
	} {
		t.Run(name, func(t *testing.T) {
			before := openFiles(t)
			c := Config{Machine: describe(t, 1, "32MiB"), Kernel: good, AllowSlowKVM: true}
			test.change(&c)
			m, err := New(c)
			if err == nil {
				m.Close()
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d files open before, %d after", before, after)
			}
		})
	}
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}
