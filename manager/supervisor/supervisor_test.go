package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/store"
)

var testID = strings.Repeat("a", 64)

// fakeLauncher starts machines that do as they are told by the test.
type fakeLauncher struct {
	fail    error
	started chan *fakeMachine
}

func (f *fakeLauncher) Start(_ context.Context, l Launch) (Machine, error) {
	if f.fail != nil {
		l.Console.Close()
		return nil, f.fail
	}
	if err := l.Placed(4711); err != nil {
		l.Console.Close()
		return nil, err
	}
	m := &fakeMachine{launch: l, ended: make(chan struct{}), did: make(chan string, 100), prepared: make(chan struct{}), written: make(chan struct{})}
	f.started <- m
	return m, nil
}

type fakeMachine struct {
	launch Launch
	ended  chan struct{}
	did    chan string
	deaf   bool // to the power button
	slow   bool // to pause

	move func(context.Context, Mover) (*Migrated, error) // a move

	prepared chan struct{} // memory is written while the guest runs until it is closed
	written  chan struct{} // what is saved is written when it is closed

	once    sync.Once
	end     End
	mu      sync.Mutex
	failing map[string]error
}

func (m *fakeMachine) note(what string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.did <- what
	return m.failing[what]
}

// Migrate does what the test says.
func (m *fakeMachine) Migrate(ctx context.Context, q Migrate, o Mover) (*Migrated, error) {
	if err := m.note("migrate " + q.To); err != nil {
		return nil, err
	}
	return m.move(ctx, o)
}

func (m *fakeMachine) Enter(_ context.Context, paused bool) error {
	return m.note(fmt.Sprintf("enter %v", paused))
}

func (m *fakeMachine) Discard() {
	_ = m.note("discard")
	m.finish(End{Reason: instance.MonitorCrash})
}

func (m *fakeMachine) finish(e End) {
	m.once.Do(func() {
		m.end = e
		m.launch.Console.Close()
		close(m.ended)
	})
}

func (m *fakeMachine) PID() int                      { return 4711 }
func (m *fakeMachine) Held() (has, missing []string) { return []string{"seccomp"}, nil }
func (m *fakeMachine) Published() []string           { return []string{"80"} }
func (m *fakeMachine) Run(context.Context) error     { return m.note("run") }
func (m *fakeMachine) Resume(context.Context) error  { return m.note("resume") }

func (m *fakeMachine) Pause(ctx context.Context) error {
	if m.slow {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return m.note("pause")
}

func (m *fakeMachine) PressPowerButton(context.Context) error {
	if !m.deaf {
		go m.finish(End{Reason: instance.PowerOff, Status: new(int)})
	}
	return m.note("button")
}

func (m *fakeMachine) Kill() {
	_ = m.note("kill")
	m.finish(End{Reason: instance.Killed})
}

func (m *fakeMachine) SetBalloon(_ context.Context, n uint64) error {
	return m.note(fmt.Sprintf("balloon %d", n))
}

func (m *fakeMachine) SetDiskRates(_ context.Context, disk string, _ instance.DiskRates) error {
	return m.note("disk " + disk)
}

func (m *fakeMachine) ResizeConsole(context.Context, agent.WinSize) error { return m.note("resize") }

// Save takes until it is told that it is done, or that nobody wants it.
func (m *fakeMachine) Save(ctx context.Context, s Save) (*Saved, error) {
	if err := m.note("save " + s.Dir); err != nil {
		return nil, err
	}
	select {
	case <-m.written:
		return &Saved{TSCKHz: 1}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-m.ended:
		return nil, errors.New("the monitor is gone")
	}
}

// PrepareSave takes until then too, if it is to be live.
func (m *fakeMachine) PrepareSave(ctx context.Context, s Save) error {
	if err := m.note("prepare"); err != nil || !s.Live {
		return err
	}
	select {
	case <-m.prepared:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-m.ended:
		return errors.New("the monitor is gone")
	}
}

func (m *fakeMachine) FinishSave(_ context.Context, _ Save, well bool) error {
	return m.note(fmt.Sprintf("finish %v", well))
}

func (m *fakeMachine) Inspect(context.Context) (*Monitor, error) { return &Monitor{PID: 4711}, nil }
func (m *fakeMachine) Ended() <-chan struct{}                    { return m.ended }
func (m *fakeMachine) End() End                                  { return m.end }
func (m *fakeMachine) Close() error                              { return m.note("close") }

// fakeGroup is a control group that counts.
type fakeGroup struct {
	mu     sync.Mutex
	kills  uint64
	pids   []int
	limits []string
	clears int
	refuse uint64 // memory limit that cannot be set
}

func (g *fakeGroup) Add(pid int) error { g.pids = append(g.pids, pid); return nil }

func (g *fakeGroup) Set(c configs.CPUQuota, m uint64) error {
	if m != 0 && m == g.refuse {
		return errors.New("no such limit")
	}
	g.limits = append(g.limits, fmt.Sprintf("%v/%d", c, m))
	return nil
}

func (g *fakeGroup) OOMKills() (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.kills, nil
}
func (g *fakeGroup) Path() string                { return "/hull/x" }
func (g *fakeGroup) Clear(context.Context) error { g.clears++; return nil }

// world is one supervisor and what is around it.
type world struct {
	t        *testing.T
	store    *store.Store
	launcher *fakeLauncher
	group    *fakeGroup
	client   *Client
	log      safeBuffer
	stop     chan struct{}
	done     chan error
	started  chan error
	left     atomic.Int32
	arrived  chan struct{}
	mu       sync.Mutex
	events   []string
}

func begin(t *testing.T, change func(*instance.Description), launcher *fakeLauncher) (*world, error) {
	t.Helper()
	w := beginWith(t, change, launcher, nil)
	return w, <-w.started
}

// beginWith does not wait for the start. With an arrival the machine comes from another
// host.
func beginWith(t *testing.T, change func(*instance.Description), launcher *fakeLauncher, arrival *fakeArrival) *world {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &instance.Description{
		Version: 1, ID: testID, Name: "box", Created: time.Now(), Restart: "no", StopTimeout: time.Minute, Memory: 512 << 20, HasBalloon: true,
		Machine: "name = 'box'\nboot.kernel = 'k'\ninit.exec = ['/bin/sh']\n",
	}
	if change != nil {
		change(d)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if launcher == nil {
		launcher = &fakeLauncher{}
	}
	launcher.started = make(chan *fakeMachine, 10)
	w := &world{
		t: t, store: s, launcher: launcher, group: &fakeGroup{}, client: NewClient(path),
		stop: make(chan struct{}), done: make(chan error, 1), started: make(chan error, 1), arrived: make(chan struct{}),
	}
	var claim *os.File
	var comes Arrival
	if arrival != nil {
		comes = arrival
		claim, err = s.CreateReceiving(d, &instance.Migration{Session: someSession.String(), Role: instance.Target, Peer: "there", Since: time.Now().UTC()})
	} else if err = s.Create(d, nil); err == nil {
		claim, err = s.Claim(testID)
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer claim.Close()
		w.done <- Run(context.Background(), Config{
			Store: s, ID: testID, Launcher: launcher, Listener: l,
			Group:   func(*instance.Description) (Group, error) { return w.group, nil },
			Console: &w.log, Messages: &w.log,
			Emit: func(action string, _ map[string]string) {
				w.mu.Lock()
				w.events = append(w.events, action)
				w.mu.Unlock()
			},
			Started: func(err error) { w.started <- err },
			Arrival: comes,
			Arrived: func() { close(w.arrived) },
			Left:    func() { w.left.Add(1) },
			Stop:    w.stop,
		})
	}()
	return w
}

func mustBegin(t *testing.T, change func(*instance.Description)) (*world, *fakeMachine) {
	t.Helper()
	w, err := begin(t, change, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w, w.next()
}

func (w *world) next() *fakeMachine {
	w.t.Helper()
	select {
	case m := <-w.launcher.started:
		return m
	case <-time.After(20 * time.Second):
		w.t.Fatal("no machine was started")
		return nil
	}
}

// await waits until the written state is as it should be.
func (w *world) await(what string, ok func(*instance.State) bool) *instance.State {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		st, err := w.store.State(testID)
		if err != nil {
			w.t.Fatal(err)
		}
		if ok(st) {
			return st
		}
		if time.Now().After(end) {
			w.t.Fatalf("not %s: %+v\n%s", what, st, w.log.String())
		}
	}
}

func (w *world) do(q Request) (*Reply, error) { return w.client.Do(w.t.Context(), q) }

func (w *world) mustDo(q Request) *instance.State {
	w.t.Helper()
	r, err := w.do(q)
	if err != nil {
		w.t.Fatalf("%s: %v", q.Op, err)
	}
	written, err := w.store.State(testID)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.State == nil || r.State.Status != written.Status {
		w.t.Fatalf("%s: answered %+v, written is %+v", q.Op, r.State, written)
	}
	return r.State
}

// over waits for the supervisor's end and looks at what is left.
func (w *world) over() *instance.State {
	w.t.Helper()
	select {
	case err := <-w.done:
		if err != nil {
			w.t.Fatal(err)
		}
	case <-time.After(20 * time.Second):
		w.t.Fatal("the supervisor does not end")
	}
	st, err := w.store.State(testID)
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

func (w *world) happened() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

func TestALifeFromStartToPowerOff(t *testing.T) {
	w, m := mustBegin(t, nil)
	st := w.await("running", func(s *instance.State) bool { return s.Status == instance.Running })
	if st.Supervisor != os.Getpid() || st.Monitor != 4711 || st.Cgroup != "/hull/x" || !slices.Equal(st.Held, []string{"seccomp"}) || !slices.Equal(st.Published, []string{"80"}) {
		t.Errorf("%+v", st)
	}
	waited := make(chan *Reply, 1)
	go func() {
		r, err := w.do(Request{Op: OpWait})
		if err != nil {
			t.Error(err)
		}
		waited <- r
	}()
	console, err := w.client.Attach(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.launch.Console.Write([]byte("login: ")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(console, got); err != nil || string(got) != "login: " {
		t.Fatalf("console: %q, %v", got, err)
	}
	if _, err := console.Write([]byte("root\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := m.launch.Console.Read(got); err != nil || string(got[:n]) != "root\n" {
		t.Fatalf("the guest read %q, %v", got[:n], err)
	}
	time.Sleep(5 * time.Millisecond) // the wait is likely to be there by then
	status := 3
	m.finish(End{Reason: instance.PowerOff, Status: &status})
	if r := <-waited; r != nil && (r.State.Status != instance.Exited || r.State.Exit.Code != 3) {
		t.Errorf("waited: %+v", r.State)
	}
	if rest, err := io.ReadAll(console); err != nil || len(rest) != 0 {
		t.Errorf("console at the end: %q, %v", rest, err)
	}
	st = w.over()
	if st.Status != instance.Exited || st.Exit.Reason != instance.PowerOff || st.Exit.Code != 3 || st.Monitor != 0 || st.Restarting {
		t.Errorf("%+v", st)
	}
	if got := w.happened(); !slices.Equal(got, []string{"start", "die"}) {
		t.Errorf("events %v", got)
	}
	if w.group.clears != 1 || !slices.Equal(w.group.pids, []int{4711}) {
		t.Errorf("the group was cleared %d times and had %v", w.group.clears, w.group.pids)
	}
}

func TestAStartThatFailsLeavesNothing(t *testing.T) {
	boom := errors.New("boom")
	w, err := begin(t, nil, &fakeLauncher{fail: boom})
	if !errors.Is(err, boom) {
		t.Fatalf("error %v", err)
	}
	if err := <-w.done; !errors.Is(err, boom) {
		t.Errorf("the supervisor ended with %v", err)
	}
	st, err := w.store.State(testID)
	if err != nil || st.Status != instance.Created || w.group.clears != 1 {
		t.Errorf("%+v, %v, %d clears", st, err, w.group.clears)
	}
	if _, err := w.do(Request{Op: OpInspect}); !errors.Is(err, ErrGone) {
		t.Errorf("asked when it is gone: %v", err)
	}
}

func TestPauseAndItsFailures(t *testing.T) {
	w, m := mustBegin(t, nil)
	if st := w.mustDo(Request{Op: OpPause}); st.Status != instance.Paused {
		t.Errorf("%+v", st)
	}
	if _, err := w.do(Request{Op: OpPause}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("paused twice: %v", err)
	}
	w.mustDo(Request{Op: OpUnpause})
	if _, err := w.do(Request{Op: OpUnpause}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("resumed twice: %v", err)
	}
	m.mu.Lock()
	m.failing = map[string]error{"pause": errors.New("no answer")}
	m.mu.Unlock()
	if _, err := w.do(Request{Op: OpPause}); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("a pause that failed: %v", err)
	}
	w.await("running", func(s *instance.State) bool { return s.Status == instance.Running })
	m.mu.Lock()
	m.failing = nil
	m.mu.Unlock()

	// A state that cannot be written is undone.
	state := filepath.Join(w.store.Dir(testID), "state.json")
	saved, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	blocked := errors.Join(os.Remove(state), os.MkdirAll(filepath.Join(state, "x"), 0o700))
	if blocked != nil {
		t.Fatal(blocked)
	}
	if _, err := w.do(Request{Op: OpPause}); err == nil {
		t.Error("paused without a word on the disk")
	}
	if err := errors.Join(os.RemoveAll(state), os.WriteFile(state, saved, 0o600)); err != nil {
		t.Fatal(err)
	}
	if r, err := w.do(Request{Op: OpInspect}); err != nil || r.State.Status != instance.Running || r.Monitor.PID != 4711 {
		t.Errorf("%+v, %v", r, err)
	}
	w.mustDo(Request{Op: OpPause})
	// The guest is let go to hear the button.
	if st := w.mustDo(Request{Op: OpStop}); st.Exit.Reason != instance.Stopped || st.Exit.Code != 0 || !st.ByUser {
		t.Errorf("%+v", st)
	}
	w.over()
	var did []string
	for len(m.did) > 0 {
		did = append(did, <-m.did)
	}
	want := []string{"run", "pause", "resume", "pause", "pause", "resume", "pause", "resume", "button", "close"}
	if !slices.Equal(did, want) {
		t.Errorf("did %v, want %v", did, want)
	}
}

func TestStopOfADeafGuestKillsIt(t *testing.T) {
	w, m := mustBegin(t, nil)
	m.deaf = true
	short := 30 * time.Millisecond
	st := w.mustDo(Request{Op: OpStop, Timeout: &short})
	if st.Exit.Reason != instance.Killed || st.Exit.Code != 137 || !strings.Contains(st.Exit.Detail, "did not end in time") {
		t.Errorf("%+v", st.Exit)
	}
	w.over()
	if got := w.happened(); !slices.Equal(got, []string{"start", "stop", "kill", "die"}) {
		t.Errorf("events %v", got)
	}
}

// A stop without end can be followed by a kill, and both are answered.
func TestKillAfterStop(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "always" })
	m.deaf = true
	forever := -time.Second
	stopped := make(chan error, 1)
	go func() {
		_, err := w.do(Request{Op: OpStop, Timeout: &forever})
		stopped <- err
	}()
	w.await("stopping", func(s *instance.State) bool { return s.Status == instance.Stopping })
	if _, err := w.do(Request{Op: OpPause}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("paused while it stops: %v", err)
	}
	if st := w.mustDo(Request{Op: OpKill}); st.Exit.Reason != instance.Killed || st.Exit.Detail != "" {
		t.Errorf("%+v", st.Exit)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	if st := w.over(); st.Restarting {
		t.Error("what a user has killed is started again")
	}
}

func TestEndsAreToldApart(t *testing.T) {
	for name, c := range map[string]struct {
		end  End
		oom  bool
		want instance.Exit
	}{
		"power-off":     {End{Reason: instance.PowerOff}, false, instance.Exit{Code: 0, Reason: instance.PowerOff}},
		"reset":         {End{Reason: instance.Reset}, false, instance.Exit{Code: 120, Reason: instance.Reset}},
		"panic":         {End{Reason: instance.GuestPanic}, false, instance.Exit{Code: 121, Reason: instance.GuestPanic}},
		"triple fault":  {End{Reason: instance.TripleFault}, false, instance.Exit{Code: 122, Reason: instance.TripleFault}},
		"crash":         {End{Reason: instance.MonitorCrash, Detail: "signal: bad system call"}, false, instance.Exit{Code: 124, Reason: instance.MonitorCrash, Detail: "signal: bad system call"}},
		"out of memory": {End{Reason: instance.MonitorCrash, Detail: "signal: killed"}, true, instance.Exit{Code: 137, Reason: instance.OutOfMemory, Detail: "the memory limit of 5 bytes was reached"}},
		"error":         {End{Reason: instance.InternalError, Detail: "KVM"}, false, instance.Exit{Code: 124, Reason: instance.InternalError, Detail: "KVM"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, m := mustBegin(t, func(d *instance.Description) { d.MemoryLimit = 5 })
			if c.oom {
				w.group.mu.Lock()
				w.group.kills++
				w.group.mu.Unlock()
			}
			m.finish(c.end)
			if st := w.over(); *st.Exit != c.want {
				t.Errorf("%+v, want %+v", *st.Exit, c.want)
			}
			if got := slices.Contains(w.happened(), "oom"); got != c.oom {
				t.Errorf("events %v", w.happened())
			}
		})
	}
}

func TestPolicyStartsAgain(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "on-failure:2" })
	one := 1
	for i := range 3 {
		m.finish(End{Reason: instance.PowerOff, Status: &one})
		if i < 2 {
			w.await("restarting", func(s *instance.State) bool { return s.Restarting || s.Restarts == i+1 })
			m = w.next()
			st := w.await("running again", func(s *instance.State) bool { return s.Status == instance.Running && s.Restarts == i+1 })
			if st.Exit != nil {
				t.Errorf("%+v", st)
			}
		}
	}
	st := w.over()
	if st.Status != instance.Exited || st.Restarting || st.Restarts != 2 || st.Exit.Code != 1 {
		t.Errorf("%+v", st)
	}
	if got := w.happened(); !slices.Equal(got, []string{"start", "die", "restart", "die", "restart", "die"}) {
		t.Errorf("events %v", got)
	}
}

func TestStopBetweenTwoRuns(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "always" })
	for i := range 6 { // until the pause is long enough
		m.finish(End{Reason: instance.PowerOff})
		if i < 5 {
			m = w.next()
			w.await("running", func(s *instance.State) bool { return s.Status == instance.Running && s.Restarts == i+1 })
		}
	}
	w.await("restarting", func(s *instance.State) bool { return s.Restarting })
	if _, err := w.do(Request{Op: OpPause}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("pause: %v", err)
	}
	if st := w.mustDo(Request{Op: OpStop}); st.Restarting || !st.ByUser {
		t.Errorf("%+v", st)
	}
	if st := w.over(); st.Restarting || st.Status != instance.Exited {
		t.Errorf("%+v", st)
	}
}

// A machine that cannot be started again has failed once more.
func TestAStartAgainThatFails(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Restart = "on-failure:2" })
	w.launcher.fail = errors.New("no memory")
	one := 1
	m.finish(End{Reason: instance.PowerOff, Status: &one})
	st := w.over()
	if st.Exit.Reason != instance.InternalError || !strings.Contains(st.Exit.Detail, "no memory") || st.Restarting {
		t.Errorf("%+v", st)
	}
}

func TestARebootIsTheSameLife(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Machine += "lifecycle.on_reset = 'restart'\n" })
	console, err := w.client.Attach(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	m.finish(End{Reason: instance.Reset})
	m = w.next()
	if _, err := m.launch.Console.Write([]byte("again")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(console, got); err != nil || string(got) != "again" {
		t.Fatalf("%q, %v", got, err)
	}
	if st := w.await("running", func(s *instance.State) bool { return s.Status == instance.Running }); st.Restarts != 0 {
		t.Errorf("%+v", st)
	}
	w.mustDo(Request{Op: OpStop})
	w.over()
	if got := w.happened(); !slices.Equal(got, []string{"start", "reboot", "stop", "die"}) {
		t.Errorf("events %v", got)
	}
}

// A guest that does nothing but reboot has to wait, and can be stopped meanwhile.
func TestAGuestThatOnlyRebootsHasToWait(t *testing.T) {
	w, m := mustBegin(t, func(d *instance.Description) { d.Machine += "lifecycle.on_reset = 'restart'\n" })
	for range maxHasty {
		m.finish(End{Reason: instance.Reset})
		m = w.next()
	}
	for range 4 { // the pauses grow
		w.await("running", func(s *instance.State) bool { return s.Status == instance.Running })
		m.finish(End{Reason: instance.Reset})
		m = w.next()
	}
	w.await("running", func(s *instance.State) bool { return s.Status == instance.Running && s.Restarts == 4 })
	m.finish(End{Reason: instance.Reset})
	w.await("waiting", func(s *instance.State) bool { return s.Status == instance.Exited && s.Restarting })
	w.mustDo(Request{Op: OpStop})
	if st := w.over(); st.Exit.Reason != instance.Reset || st.Restarting {
		t.Errorf("%+v", st)
	}
}

func TestTheHostsStopIsNotAUsers(t *testing.T) {
	w, _ := mustBegin(t, func(d *instance.Description) { d.Restart = "unless-stopped" })
	close(w.stop)
	st := w.over()
	if st.ByUser || st.Exit.Reason != instance.Stopped || st.Restarting {
		t.Errorf("%+v", st)
	}
	if !instance.AgainAfterLoss("unless-stopped", st) {
		t.Error("it would not be started with the host")
	}
}

func TestUpdateIsWholeOrNot(t *testing.T) {
	w, m := mustBegin(t, nil)
	cpus, limit, memory := configs.CPUQuota(150), uint64(1<<30), uint64(256<<20)
	w.mustDo(Request{Op: OpUpdate, Update: &instance.Update{CPUs: &cpus, MemoryLimit: &limit, Memory: &memory, Disks: map[string]instance.DiskRates{"root": {}}}})
	d, err := w.store.Description(testID)
	if err != nil || d.CPUs != 150 || d.MemoryLimit != limit || d.Balloon != 256<<20 {
		t.Fatalf("%+v, %v", d, err)
	}
	m.mu.Lock()
	m.failing = map[string]error{"disk gone": errors.New("no such disk")}
	m.mu.Unlock()
	two := configs.CPUQuota(200)
	bad := uint64(1 << 20)
	w.group.refuse = 7 << 30
	for name, u := range map[string]*instance.Update{
		"a disk that is not there":   {CPUs: &two, Disks: map[string]instance.DiskRates{"gone": {}}},
		"a limit below the memory":   {CPUs: &two, MemoryLimit: &bad},
		"a limit that cannot be set": {CPUs: &two, MemoryLimit: &w.group.refuse},
		"more memory than it has":    {CPUs: &two, Memory: &limit},
		"nothing":                    nil,
	} {
		if _, err := w.do(Request{Op: OpUpdate, Update: u}); err == nil {
			t.Errorf("%s: done", name)
		}
		if d, err := w.store.Description(testID); err != nil || d.CPUs != 150 || d.MemoryLimit != limit {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if last := w.group.limits[len(w.group.limits)-1]; last != "1.5/1073741824" {
			t.Errorf("%s: the group is left with %s", name, last)
		}
	}
	w.mustDo(Request{Op: OpKill})
	w.over()
}

func TestRequestsThatNobodyKnows(t *testing.T) {
	w, _ := mustBegin(t, nil)
	if _, err := w.do(Request{Op: "fly"}); instance.KindOf(err) != instance.KindUnsupported {
		t.Errorf("%v", err)
	}
	conn, err := net.Dial("unix", w.client.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("{]\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(answer), string(instance.KindInvalid)) {
		t.Errorf("%q, %v", answer, err)
	}
	// A client that says nothing holds nobody up.
	silent, err := net.Dial("unix", w.client.path)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	w.mustDo(Request{Op: OpKill})
	silent.Close()
	w.over()
}

func TestDelayGrows(t *testing.T) {
	if delay(0) != 100*time.Millisecond || delay(3) != 800*time.Millisecond || delay(100) != time.Minute {
		t.Errorf("%v %v %v", delay(0), delay(3), delay(100))
	}
}
