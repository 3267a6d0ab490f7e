package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
	"github.com/hullvm/hull/manager/store"
)

// fakeEngine is an Engine of instances that are nowhere. It writes down what it is
// asked for.
type fakeEngine struct {
	mu    sync.Mutex
	calls []string

	instances []manager.Summary
	fail      map[string]error // by a call, or by the verb of one

	created  *manager.CreateOptions
	recovers []string
	stats    []map[string]*manager.Stats // one for each look
	looks    map[string]int
	top      []manager.Process

	logs   []logged
	events []happened

	guest   func(console net.Conn)                    // the far end of the console
	exits   chan instance.Exit                        // what Wait waits for; nil is at once
	program func(agent.Command, *fakeExec) agent.Exit // what Exec runs
	sizes   chan agent.WinSize

	fakeSnapshots
	fakeMigrations

	files string // the guest's root, a folder of the host
	tar   []byte // what CopyFrom says instead
	stat  *manager.FileStat
}

type logged struct {
	record logs.Record
	err    error
}

type happened struct {
	event events.Event
	err   error
}

var _ manager.Engine = (*fakeEngine)(nil)

// note writes a call down, and says whether it is to fail.
func (f *fakeEngine) note(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if err, ok := f.fail[call]; ok {
		return err
	}
	verb, _, _ := strings.Cut(call, " ")
	return f.fail[verb]
}

// asked is what was asked for, in an order of its own where there were several at
// once.
func (f *fakeEngine) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(slices.Values(f.calls))
}

func (f *fakeEngine) find(ref string) (*manager.Summary, error) {
	for i := range f.instances {
		if s := &f.instances[i]; s.Name == ref || s.ID == ref {
			return s, nil
		}
	}
	return nil, notFound(ref)
}

func notFound(ref string) error {
	return &instance.Error{Kind: instance.KindNotFound, Err: fmt.Errorf("instance %q: %w", ref, store.ErrNotFound)}
}

func wrongState(ref, verb, why string) error {
	return &instance.Error{Kind: instance.KindWrongState, Err: fmt.Errorf("instance %q: %s: %s", ref, verb, why)}
}

func (f *fakeEngine) Create(_ context.Context, o manager.CreateOptions) (*instance.Description, error) {
	if err := f.note("create %s", o.Name); err != nil {
		return nil, err
	}
	f.created = &o
	return &instance.Description{ID: someID("c"), Name: "made_up"}, nil
}

// simple is for what is done to an instance that is there.
func (f *fakeEngine) simple(ref, format string, args ...any) error {
	if err := f.note(format, args...); err != nil {
		return err
	}
	if f.instances == nil {
		return nil
	}
	_, err := f.find(ref)
	return err
}

func (f *fakeEngine) Start(_ context.Context, ref string) error {
	return f.simple(ref, "start %s", ref)
}

func (f *fakeEngine) Stop(_ context.Context, ref string, o manager.StopOptions) error {
	return f.simple(ref, "stop %s %s", ref, timeoutOf(o))
}

func (f *fakeEngine) Restart(_ context.Context, ref string, o manager.StopOptions) error {
	return f.simple(ref, "restart %s %s", ref, timeoutOf(o))
}

func timeoutOf(o manager.StopOptions) string {
	if o.Timeout == nil {
		return "default"
	}
	return o.Timeout.String()
}

func (f *fakeEngine) Kill(_ context.Context, ref string, s syscall.Signal) error {
	return f.simple(ref, "kill %s %d", ref, int(s))
}

func (f *fakeEngine) Pause(_ context.Context, ref string) error {
	return f.simple(ref, "pause %s", ref)
}

func (f *fakeEngine) Unpause(_ context.Context, ref string) error {
	return f.simple(ref, "unpause %s", ref)
}

func (f *fakeEngine) Wait(ctx context.Context, ref string) (instance.Exit, error) {
	if err := f.note("wait %s", ref); err != nil {
		return instance.Exit{}, err
	}
	s, err := f.find(ref)
	if err != nil {
		return instance.Exit{}, err
	}
	if f.exits != nil {
		select {
		case e := <-f.exits:
			return e, nil
		case <-ctx.Done():
			return instance.Exit{}, ctx.Err()
		}
	}
	return *s.State.Exit, nil
}

func (f *fakeEngine) List(_ context.Context, o manager.ListOptions) ([]manager.Summary, error) {
	var filters []string
	for _, name := range slices.Sorted(maps.Keys(o.Filters)) {
		filters = append(filters, name+"="+strings.Join(o.Filters[name], ","))
	}
	if err := f.note("list all=%v last=%d size=%v %s", o.All, o.Last, o.Size, strings.Join(filters, " ")); err != nil {
		return nil, err
	}
	return slices.Clone(f.instances), nil
}

func (f *fakeEngine) Inspect(_ context.Context, ref string) (*manager.Detail, error) {
	if err := f.note("inspect %s", ref); err != nil {
		return nil, err
	}
	s, err := f.find(ref)
	if err != nil {
		return nil, err
	}
	return &manager.Detail{Summary: *s, Dir: "/var/lib/hull/instances/" + s.Name, RunDir: "/run/hull/instances/" + s.Name}, nil
}

func (f *fakeEngine) Rename(_ context.Context, ref, name string) error {
	return f.simple(ref, "rename %s %s", ref, name)
}

func (f *fakeEngine) Remove(_ context.Context, ref string, o manager.RemoveOptions) error {
	return f.simple(ref, "remove %s force=%v", ref, o.Force)
}

func (f *fakeEngine) Update(_ context.Context, ref string, u instance.Update) error {
	var words []string
	if u.CPUs != nil {
		words = append(words, fmt.Sprintf("cpus=%v", *u.CPUs))
	}
	if u.Memory != nil {
		words = append(words, fmt.Sprintf("memory=%d", *u.Memory))
	}
	if u.MemoryLimit != nil {
		words = append(words, fmt.Sprintf("limit=%d", *u.MemoryLimit))
	}
	if u.Restart != nil {
		words = append(words, fmt.Sprintf("restart=%s", *u.Restart))
	}
	for _, name := range slices.Sorted(maps.Keys(u.Disks)) {
		words = append(words, fmt.Sprintf("%s:%d/%d", name, u.Disks[name].BytesPerSecond, u.Disks[name].OperationsPerSecond))
	}
	return f.simple(ref, "update %s %s", ref, strings.Join(words, " "))
}

func (f *fakeEngine) Recover(context.Context) ([]string, error) {
	return f.recovers, f.note("recover")
}

func (f *fakeEngine) Logs(_ context.Context, ref string, o manager.LogOptions) (iter.Seq2[logs.Record, error], error) {
	moment := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format(time.RFC3339Nano)
	}
	if err := f.simple(ref, "logs %s follow=%v since=%s until=%s tail=%d", ref, o.Follow, moment(o.Since), moment(o.Until), o.Tail); err != nil {
		return nil, err
	}
	return func(yield func(logs.Record, error) bool) {
		for _, l := range f.logs {
			if !yield(l.record, l.err) {
				return
			}
		}
	}, nil
}

func (f *fakeEngine) Events(_ context.Context, o events.Options) iter.Seq2[events.Event, error] {
	_ = f.note("events follow=%v since=%s until=%s %v", o.Follow, o.Since.UTC().Format(time.RFC3339), o.Until.UTC().Format(time.RFC3339), o.Filters)
	return func(yield func(events.Event, error) bool) {
		for _, h := range f.events {
			if !yield(h.event, h.err) {
				return
			}
		}
	}
}

func (f *fakeEngine) Attach(_ context.Context, ref string, o manager.AttachOptions) (manager.Console, error) {
	if err := f.simple(ref, "attach %s input=%v", ref, o.Input); err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go f.guest(theirs)
	return &fakeConsole{ours, f}, nil
}

type fakeConsole struct {
	net.Conn
	engine *fakeEngine
}

// Read ends as a connection does that either side has closed.
func (c *fakeConsole) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

func (c *fakeConsole) Resize(_ context.Context, s agent.WinSize) error {
	c.engine.sizes <- s
	return nil
}

func (f *fakeEngine) Exec(_ context.Context, ref string, o manager.ExecOptions) (manager.Execution, error) {
	c := o.Command
	err := f.simple(ref, "exec %s %q env=%q dir=%q user=%q tty=%v size=%d,%d", ref, c.Args, c.Env, c.Dir, o.User, c.TTY, c.Size.Columns, c.Size.Rows)
	if err != nil {
		return nil, err
	}
	p := &fakeExec{engine: f, ended: make(chan struct{}), signals: make(chan syscall.Signal, 1), closed: make(chan struct{})}
	go func() {
		defer close(p.ended)
		if f.program != nil {
			p.exit = f.program(c, p)
		}
	}()
	return p, nil
}

type fakeExec struct {
	engine  *fakeEngine
	ended   chan struct{}
	exit    agent.Exit
	signals chan syscall.Signal
	closed  chan struct{}
}

func (p *fakeExec) Wait(ctx context.Context) (agent.Exit, error) {
	if err := p.engine.note("exec-wait"); err != nil {
		return agent.Exit{}, err
	}
	select {
	case <-p.ended:
		return p.exit, nil
	case <-ctx.Done():
		return agent.Exit{}, ctx.Err()
	}
}

func (p *fakeExec) Signal(s syscall.Signal) error { p.signals <- s; return nil }

func (p *fakeExec) Resize(s agent.WinSize) error {
	p.engine.sizes <- s
	return nil
}

func (p *fakeExec) PID() int { return 42 }

func (p *fakeExec) Close() error {
	close(p.closed)
	return p.engine.note("exec-close")
}

func (f *fakeEngine) Stats(_ context.Context, ref string) (*manager.Stats, error) {
	if err := f.note("stats %s", ref); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looks == nil {
		f.looks = make(map[string]int)
	}
	look := f.looks[ref]
	f.looks[ref]++
	if look < len(f.stats) {
		if s := f.stats[look][ref]; s != nil {
			return s, nil
		}
	}
	return nil, notFound(ref)
}

func (f *fakeEngine) Top(_ context.Context, ref string) ([]manager.Process, error) {
	return f.top, f.simple(ref, "top %s", ref)
}
