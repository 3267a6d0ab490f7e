package vmm

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/vmstate"
)

// incomingBare is a machine that waits for a state.
func incomingBare(t testing.TB, change func(*Config)) *Machine {
	t.Helper()
	return newBare(t, nil, func(c *Config) {
		c.Kernel, c.Incoming = Image{}, true
		if change != nil {
			change(c)
		}
	})
}

// read is the saved state.
func (s *saved) read(t testing.TB) *vmstate.State {
	t.Helper()
	state, err := vmstate.Read(bytes.NewReader(s.state))
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// fill has a machine's memory be the saved one.
func (s *saved) fill(t testing.TB, m *Machine) {
	t.Helper()
	for _, slot := range m.memory.Slots() {
		if err := m.memory.CopyFromAt(s.memory, slot.Offset, slot.Base, slot.Size); err != nil {
			t.Fatal(err)
		}
	}
}

// A machine that is made first and given its state later is what one is that is made
// of the state.
func TestAnIncomingMachineIsARestoredOne(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newBare(t, asmCount, nil)
	m.Start()
	counted(t, m, 0)
	s := save(t, m)
	at, err := m.memory.Uint64(counterAddr)
	if err != nil {
		t.Fatal(err)
	}
	id := m.platform.generation.ID()
	restored := newBare(t, nil, s.config(t, nil))
	machines := []*Machine{m, restored}
	states := [][]byte{}
	for _, origin := range []Origin{Copied, Moved} {
		next := incomingBare(t, nil)
		if resident, err := next.MemoryResident(); err != nil || resident > 0 {
			t.Errorf("%d bytes of its memory are touched, %v", resident, err)
		}
		if !next.Awaits() || next.State() != Ready {
			t.Errorf("it is %v, and waits for a state: %v", next.State(), next.Awaits())
		}
		s.fill(t, next)
		if err := next.Load(s.read(t), origin); err != nil {
			t.Fatal(err)
		}
		if next.Awaits() {
			t.Error("it waits for another state")
		}
		if err := next.Load(s.read(t), origin); !errors.Is(err, ErrNotIncoming) {
			t.Errorf("a second state: %v", err)
		}
		next.Start()
		counted(t, next, at)
		if same := next.platform.generation.ID() == id; same != (origin == Moved) {
			t.Errorf("origin %v: its generation is the same: %v", origin, same)
		}
		machines = append(machines, next)
	}
	restored.Start()
	counted(t, restored, at)
	for _, m := range machines[1:] {
		states = append(states, save(t, m).state)
	}
	for _, state := range states {
		if got, want := sections(t, state), sections(t, s.state); !equal(got, want) {
			t.Errorf("sections %q, want %q", got, want)
		}
	}
	for _, m := range machines {
		m.Kill()
		waitEnd(t, m)
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

// tscOf is a saved machine's time-stamp counter and kvm-clock.
func (s *saved) times(t testing.TB) (tsc, clock uint64) {
	t.Helper()
	l, err := loadVM(s.read(t).In(vmSection))
	if err != nil {
		t.Fatal(err)
	}
	return l.saved.TSC, l.saved.Clock
}

// since changes when a state says that it was saved.
func (s *saved) since(t testing.TB, ago time.Duration) *vmstate.State {
	t.Helper()
	from, to := s.read(t), vmstate.New()
	var vm vmSaved
	if _, err := from.In(vmSection).Get(vmVersion, &vm); err != nil {
		t.Fatal(err)
	}
	vm.Realtime = time.Now().Add(-ago).UnixNano()
	if err := to.Out(vmSection).Put(vmVersion, vm); err != nil {
		t.Fatal(err)
	}
	var vcpu vcpuSaved
	if _, err := from.In(vcpuSection(0)).Get(vcpuVersion, &vcpu); err != nil {
		t.Fatal(err)
	}
	if err := to.Out(vcpuSection(0)).Put(vcpuVersion, vcpu); err != nil {
		t.Fatal(err)
	}
	return to
}

// The clock of a machine that was moved has gone on meanwhile, and that of a copy has
// not; it never goes back.
func TestClocksOfAMachineThatWasMoved(t *testing.T) { checkClocks(t, false) }

// The time-stamp counter goes on by as much.
func TestCountersOfAMachineThatWasMoved(t *testing.T) {
	guesttest.RequireKVM(t) // one that emulates has no counters but the host's
	checkClocks(t, true)
}

func checkClocks(t *testing.T, counters bool) {
	m := newBare(t, asmSpin, nil)
	m.Start()
	s := save(t, m)
	tsc, clock := s.times(t)
	khz := uint64(m.TSCKHz())
	m.Kill()
	waitEnd(t, m)
	const ago = 20 * time.Minute // more than the test may take
	for _, test := range []struct {
		name   string
		origin Origin
		ago    time.Duration
		want   time.Duration
	}{
		{"copied", Copied, ago, 0},
		{"moved", Moved, ago, ago},
		{"moved by hosts that do not know the time", Moved, -ago, 0},
		{"moved for too long", Moved, 2 * longestGap, 0},
	} {
		next := incomingBare(t, nil)
		s.fill(t, next)
		r, err := next.judge(s.since(t, test.ago), next.incoming.cpus)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.Load(s.read(t), test.origin); err != nil {
			t.Fatal(err)
		}
		next.restored.vm = r.vm
		next.Start()
		again := save(t, next)
		later, clockLater := again.times(t)
		clockWent := time.Duration(clockLater - clock)
		tscWent := time.Duration((later - tsc) / khz * uint64(time.Millisecond))
		t.Logf("%s: kvm-clock went on by %v, the counter by %v", test.name, clockWent, tscWent)
		// Between the two there is what the test took.
		if later < tsc || clockLater < clock || clockWent < test.want || clockWent > test.want+ago/2 {
			t.Errorf("%s: kvm-clock went on by %v, want %v and some", test.name, clockWent, test.want)
		}
		if apart := (clockWent - tscWent).Abs(); counters && apart > time.Second {
			t.Errorf("%s: the two are %v apart", test.name, apart)
		}
		next.Kill()
		waitEnd(t, next)
	}
}

// Without its state a machine does not run, and ends in each way.
func TestAnIncomingMachineWithoutAState(t *testing.T) {
	devicestest.CheckGoroutines(t)
	started := incomingBare(t, nil)
	if exit := runToEnd(t, started); exit.Reason != InternalError || !errors.Is(exit.Err, errNotLoaded) {
		t.Errorf("one that is started ends by %v", exit)
	}
	killed := incomingBare(t, nil)
	killed.Kill()
	if err := killed.Load(vmstate.New(), Moved); !errors.Is(err, ErrNotIncoming) {
		t.Errorf("a state after the end: %v", err)
	}
	if exit := runToEnd(t, killed); exit.Reason != Killed {
		t.Errorf("one that is killed ends by %v", exit)
	}
	closed := incomingBare(t, nil)
	if err := closed.Close(); err != nil {
		t.Error(err)
	}
	if err := closed.Load(vmstate.New(), Moved); !errors.Is(err, ErrNotIncoming) {
		t.Errorf("a state after it was closed: %v", err)
	}
	if _, err := closed.Judge(nil); !errors.Is(err, ErrNotIncoming) {
		t.Errorf("a judgement after it was closed: %v", err)
	}
	other := newBare(t, asmSpin, nil)
	if err := other.Load(vmstate.New(), Moved); !errors.Is(err, ErrNotIncoming) || other.Awaits() {
		t.Errorf("a state for a machine that boots: %v", err)
	}
	if _, err := other.Judge(nil); !errors.Is(err, ErrNotIncoming) {
		t.Errorf("a judgement of a machine that boots: %v", err)
	}
}

// A state that is refused leaves a machine that can only end.
func TestAnIncomingMachineWithABadState(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newBare(t, asmHalt, nil)
	m.Start()
	s := save(t, m)
	m.Kill()
	waitEnd(t, m)
	for want, bad := range map[string]func(*vmstate.State) *vmstate.State{
		`state "vm": it is missing`:    func(*vmstate.State) *vmstate.State { return vmstate.New() },
		`state "platform/com1": it is`: func(*vmstate.State) *vmstate.State { return s.since(t, 0) }, // of no devices
		`state "new": this version`: func(s *vmstate.State) *vmstate.State {
			if err := s.Out("new").Put(1, 1); err != nil {
				t.Fatal(err)
			}
			return s
		},
	} {
		next := incomingBare(t, nil)
		s.fill(t, next)
		if err := next.Load(bad(s.read(t)), Moved); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
		if err := next.Load(s.read(t), Moved); !errors.Is(err, ErrNotIncoming) || !next.Awaits() {
			t.Errorf("a second try: %v", err)
		}
		if exit := runToEnd(t, next); exit.Reason != InternalError || !errors.Is(exit.Err, errNotLoaded) {
			t.Errorf("it ends by %v", exit)
		}
	}
}

// What a machine says of itself, while it runs and while it is held, fits one like it.
func TestAMachineIsDescribedAndJudged(t *testing.T) {
	devicestest.CheckGoroutines(t)
	m := newBare(t, asmCount, nil)
	if _, err := m.Describe(t.Context()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before its start: %v", err)
	}
	m.Start()
	at := counted(t, m, 0)
	running, err := m.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted(t, m, at)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := m.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	paused, err := m.Describe(ctx)
	if err != nil || !bytes.Equal(paused, running) || m.State() != Paused {
		t.Errorf("a machine that is %v describes itself otherwise, %v", m.State(), err)
	}
	next := incomingBare(t, nil)
	for range 2 {
		if reasons, err := next.Judge(running); err != nil || len(reasons) > 0 {
			t.Errorf("one like it does not fit: %q, %v", reasons, err)
		}
	}
	s := save(t, m)
	s.fill(t, next)
	if err := next.Load(s.read(t), Moved); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Judge(running); !errors.Is(err, ErrNotIncoming) {
		t.Errorf("a judgement of a machine that has its state: %v", err)
	}
	for want, change := range map[string]func(*Config){
		"memory: it has 32 MiB at 0x0":           func(c *Config) { c.Machine = describe(t, 1, "16MiB") },
		"vCPUs: it has 1, with CPUID for 1, and": func(c *Config) { c.Machine = describe(t, 2, "32MiB") },
	} {
		other := incomingBare(t, change)
		if reasons, err := other.Judge(running); err != nil || !strings.Contains(strings.Join(reasons, "\n"), want) {
			t.Errorf("%q, %v, want %q", reasons, err, want)
		}
	}
	m.Kill()
	waitEnd(t, m)
	if _, err := m.Describe(ctx); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after its end: %v", err)
	}
}
