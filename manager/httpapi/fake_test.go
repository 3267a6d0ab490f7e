package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
)

const testID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

var testTime = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func testDescription() instance.Description {
	return instance.Description{
		Version: 1, ID: testID, Name: "web", Created: testTime, Machine: "name = \"web\"\n",
		Kernel: "debian", Command: []string{"/bin/sh"}, VCPUs: 2, Memory: 512 << 20,
		Restart: "no", StopTimeout: 10 * time.Second, KVM: "/dev/kvm", Labels: map[string]string{"tier": "front"},
	}
}

func testSummary() manager.Summary {
	return manager.Summary{
		Description: testDescription(),
		State:       instance.State{Version: 1, Status: instance.Running, Started: testTime, Restarts: 3},
	}
}

// fakeEngine says what it was asked, and answers with samples, or with an error
// where there is one. The one instance that it has is "web".
type fakeEngine struct {
	mu    sync.Mutex
	calls []string
	err   error // of everything

	logs    []any         // logs.Record or error
	journal []any         // events.Event or error
	endless chan struct{} // not nil: logs have no end, and it is closed when they are not read any more
	follow  bool          // logs and events go on until their context ends

	archive func(ctx context.Context, w io.Writer) error
	unpack  func(ctx context.Context, r io.Reader) error
	attach  func(ctx context.Context, o manager.AttachOptions) (manager.Console, error)
	exec    func(ctx context.Context, o manager.ExecOptions) (manager.Execution, error)
	block   chan struct{} // Wait and Stop wait for it; nil: they do not
	entered chan struct{} // is told when they do
	pausing chan struct{} // Pause waits for it; nil: it does not
	panics  bool

	empty  bool // there is no snapshot
	cloned int  // how many Clone makes before err
	rounds int  // how often Migrate tells of progress, and Receive refuses, before err

	stats   *manager.Stats
	recover func() ([]string, error)
}

var _ manager.Engine = (*fakeEngine)(nil)

func (f *fakeEngine) did(format string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
	if f.panics {
		panic("a mistake")
	}
	return f.err
}

// take is what was asked since the last time.
func (f *fakeEngine) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.calls, "; ")
	f.calls = nil
	return s
}

func (f *fakeEngine) on(ref, format string, args ...any) error {
	if err := f.did(format+" "+ref, args...); err != nil {
		return err
	}
	if ref != "web" && ref != testID {
		return &instance.Error{Kind: instance.KindNotFound, Err: fmt.Errorf("instance %q: no such instance", ref)}
	}
	return nil
}

func (f *fakeEngine) blocked(ctx context.Context) error {
	if f.block == nil {
		return nil
	}
	if f.entered != nil {
		f.entered <- struct{}{}
	}
	select {
	case <-f.block:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *fakeEngine) Create(_ context.Context, o manager.CreateOptions) (*instance.Description, error) {
	if err := f.did("create %s %q labels=%v unconfined=%v slow=%v kvm=%q remove=%v cpus=%d", o.Machine.Name, o.Name, o.Labels, o.Unconfined, o.SlowKVM, o.KVM, o.AutoRemove, o.Machine.CPU.Count); err != nil {
		return nil, err
	}
	d := testDescription()
	d.Machine = string(configs.Render(o.Machine))
	return &d, nil
}

func (f *fakeEngine) Start(_ context.Context, ref string) error { return f.on(ref, "start") }

func (f *fakeEngine) Stop(ctx context.Context, ref string, o manager.StopOptions) error {
	return errors.Join(f.on(ref, "stop %s", timeoutOf(o)), f.blocked(ctx))
}

func (f *fakeEngine) Restart(_ context.Context, ref string, o manager.StopOptions) error {
	return f.on(ref, "restart %s", timeoutOf(o))
}

func timeoutOf(o manager.StopOptions) string {
	if o.Timeout == nil {
		return "own"
	}
	return o.Timeout.String()
}

func (f *fakeEngine) Kill(_ context.Context, ref string, s syscall.Signal) error {
	return f.on(ref, "kill %d", int(s))
}

func (f *fakeEngine) Pause(ctx context.Context, ref string) error {
	if err := f.on(ref, "pause"); err != nil || f.pausing == nil {
		return err
	}
	f.entered <- struct{}{}
	select {
	case <-f.pausing:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *fakeEngine) Unpause(_ context.Context, ref string) error { return f.on(ref, "unpause") }

func (f *fakeEngine) Wait(ctx context.Context, ref string) (instance.Exit, error) {
	if err := f.on(ref, "wait"); err != nil {
		return instance.Exit{}, err
	}
	return instance.Exit{Code: 3, Reason: instance.PowerOff}, f.blocked(ctx)
}

func (f *fakeEngine) List(_ context.Context, o manager.ListOptions) ([]manager.Summary, error) {
	if err := f.did("list all=%v last=%d size=%v %v", o.All, o.Last, o.Size, o.Filters); err != nil {
		return nil, err
	}
	if o.Filters["name"] != nil {
		return nil, nil
	}
	return []manager.Summary{testSummary(), {Description: instance.Description{ID: strings.Repeat("f", 64), Restart: "no"}, Problem: "it is broken"}}, nil
}

func (f *fakeEngine) Inspect(_ context.Context, ref string) (*manager.Detail, error) {
	if err := f.on(ref, "inspect"); err != nil {
		return nil, err
	}
	return &manager.Detail{Summary: testSummary(), Dir: "/var/lib/hull/instances/" + testID, RunDir: "/run/hull/instances/0123456789ab"}, nil
}

func (f *fakeEngine) Rename(_ context.Context, ref, name string) error {
	return f.on(ref, "rename %q", name)
}

func (f *fakeEngine) Remove(_ context.Context, ref string, o manager.RemoveOptions) error {
	return f.on(ref, "remove force=%v", o.Force)
}

func (f *fakeEngine) Update(_ context.Context, ref string, u instance.Update) error {
	text := ""
	if u.CPUs != nil {
		text += fmt.Sprintf(" cpus=%d", int(*u.CPUs))
	}
	if u.Memory != nil {
		text += fmt.Sprintf(" memory=%d", *u.Memory)
	}
	if u.Restart != nil {
		text += fmt.Sprintf(" restart=%s", *u.Restart)
	}
	return f.on(ref, "update%s disks=%v", text, u.Disks)
}

func (f *fakeEngine) Recover(context.Context) ([]string, error) {
	if f.recover != nil {
		return f.recover()
	}
	return nil, f.did("recover")
}

func (f *fakeEngine) Logs(ctx context.Context, ref string, o manager.LogOptions) (iter.Seq2[logs.Record, error], error) {
	err := f.on(ref, "logs follow=%v since=%d until=%d tail=%d", o.Follow, seconds(o.Since), seconds(o.Until), o.Tail)
	if err != nil {
		return nil, err
	}
	if f.endless != nil {
		return func(yield func(logs.Record, error) bool) {
			defer close(f.endless)
			for yield(logs.Record{Time: testTime, Stream: logs.Stdout, Text: make([]byte, 10_000)}, nil) {
			}
		}, nil
	}
	return sequence[logs.Record](ctx, f.logs, f.follow && o.Follow), nil
}

func (f *fakeEngine) Events(ctx context.Context, o events.Options) iter.Seq2[events.Event, error] {
	_ = f.did("events follow=%v since=%d until=%d %v", o.Follow, seconds(o.Since), seconds(o.Until), o.Filters)
	var chosen []any
	for _, e := range f.journal {
		if e, ok := e.(events.Event); ok && e.Time.Before(o.Since) {
			continue
		}
		chosen = append(chosen, e)
	}
	return sequence[events.Event](ctx, chosen, f.follow && o.Follow)
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// sequence yields what is in a list: values and errors.
func sequence[T any](ctx context.Context, list []any, follow bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for _, v := range list {
			var ok bool
			switch v := v.(type) {
			case T:
				ok = yield(v, nil)
			case error:
				ok = yield(zero, v)
			}
			if !ok {
				return
			}
		}
		if follow {
			<-ctx.Done()
			yield(zero, context.Cause(ctx))
		}
	}
}

func (f *fakeEngine) Attach(ctx context.Context, ref string, o manager.AttachOptions) (manager.Console, error) {
	if err := f.on(ref, "attach input=%v", o.Input); err != nil {
		return nil, err
	}
	if f.attach == nil {
		return nil, &instance.Error{Kind: instance.KindUnsupported, Err: errors.New("no console")}
	}
	return f.attach(ctx, o)
}

func (f *fakeEngine) Exec(ctx context.Context, ref string, o manager.ExecOptions) (manager.Execution, error) {
	c := o.Command
	err := f.on(ref, "exec %q env=%q dir=%q user=%q tty=%v %dx%d stdin=%v kill=%v", c.Args, c.Env, c.Dir, o.User, c.TTY, c.Size.Rows, c.Size.Columns, c.Stdin != nil, c.KillOnDisconnect)
	if err != nil {
		return nil, err
	}
	if f.exec == nil {
		return nil, &instance.Error{Kind: instance.KindUnsupported, Err: errors.New("no agent")}
	}
	return f.exec(ctx, o)
}

func (f *fakeEngine) CopyFrom(ctx context.Context, ref, path string, w io.Writer) error {
	if err := f.on(ref, "copy from %s", path); err != nil {
		return err
	}
	if f.archive != nil {
		return f.archive(ctx, w)
	}
	_, err := io.WriteString(w, "an archive")
	return err
}

func (f *fakeEngine) Stat(context.Context, string, string) (*manager.FileStat, error) {
	return nil, errors.New("the API does not ask for it")
}

func (f *fakeEngine) CopyTo(ctx context.Context, ref, path string, r io.Reader) error {
	if err := f.on(ref, "copy to %s", path); err != nil {
		return err
	}
	if f.unpack != nil {
		return f.unpack(ctx, r)
	}
	n, err := io.Copy(io.Discard, r)
	_ = f.did("unpacked %d", n)
	return err
}

func (f *fakeEngine) Stats(_ context.Context, ref string) (*manager.Stats, error) {
	if err := f.on(ref, "stats"); err != nil {
		return nil, err
	}
	if f.stats != nil {
		return f.stats, nil
	}
	return &manager.Stats{ID: testID, Name: "web", Time: testTime, CPUTime: 1500 * time.Millisecond, VCPUs: 2, MemoryUsage: 1 << 20, MemoryLimit: 512 << 20, Guest: &agent.Stats{Load: [3]float64{1, .5, .25}}}, nil
}

func (f *fakeEngine) Top(_ context.Context, ref string) ([]manager.Process, error) {
	if err := f.on(ref, "top"); err != nil {
		return nil, err
	}
	return []manager.Process{{PID: 1, State: "S", Age: time.Minute, RSS: 4096, Command: "/sbin/init"}}, nil
}
