package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// process is a program in a host.
type process interface {
	SignalGroup(unix.Signal) error
	Resize(agent.WinSize) error
	Wait(context.Context) (agent.Exit, error)
}

// spawner starts programs in a host.
type spawner interface {
	Spawn(context.Context, agent.Command) (process, error)
}

// agentSpawner is the agent of a host.
type agentSpawner struct{ client *agent.Client }

func (a agentSpawner) Spawn(ctx context.Context, cmd agent.Command) (process, error) {
	p, err := a.client.Spawn(ctx, cmd)
	if err != nil {
		return nil, err // not a nil *agent.Process in an interface
	}
	return p, nil
}

// server answers callers at a keeper's socket.
type server struct {
	spawner spawner
	report  func(context.Context, string) string // why -> text
	explain func(error) string                   // why a command failed, for its caller
	down    func()                               // a caller wants the host to end
	names   *names                               // of the host's network, or nil

	mu       sync.Mutex
	running  int       // commands
	quiet    time.Time // since when running is 0
	changed  chan struct{}
	stopping bool

	calls sync.WaitGroup
}

func newServer(s spawner, report func(context.Context, string) string, explain func(error) string, down func()) *server {
	return &server{spawner: s, report: report, explain: explain, down: down, quiet: time.Now(), changed: make(chan struct{}, 1)}
}

// serve takes callers until the listener is closed, and returns when all are
// done, which ctx's end hastens.
func (s *server) serve(ctx context.Context, l *net.UnixListener) error {
	defer s.calls.Wait()
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		s.calls.Add(1)
		go func() {
			defer s.calls.Done()
			defer c.Close()
			s.call(ctx, c)
		}()
	}
}

// enter counts a command in; it is false when the host ends already.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.running++
	return true
}

func (s *server) leave() {
	s.mu.Lock()
	s.running--
	if s.running == 0 {
		s.quiet = time.Now()
	}
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// stopIfIdle makes later callers fail when no command has run for d. Otherwise
// it says when to ask again.
func (s *server) stopIfIdle(d time.Duration) (stopped bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running > 0 {
		return false, d
	}
	if left := d - time.Since(s.quiet); left > 0 {
		return false, left
	}
	s.stopping = true
	return true, 0
}

func (s *server) call(ctx context.Context, c *net.UnixConn) {
	var req request
	files, err := receiveWithFiles(c, &req)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	switch {
	case err != nil:
		_ = send(c, reply{Error: "request: " + err.Error()})
	case req.Version != wireVersion:
		_ = send(c, reply{Error: fmt.Sprintf(
			"request: version %d, the host was started by a program that speaks %d: end it (hull lab down)", req.Version, wireVersion)})
	case req.Op == opExec && len(files) == stdioCount:
		s.exec(ctx, c, &req, files)
	case req.Op == opReport:
		_ = send(c, reply{Text: s.report(ctx, "asked for")})
	case req.Op == opDown:
		_ = send(c, reply{Down: true})
		s.down()
	default:
		_ = send(c, reply{Error: fmt.Sprintf("request: operation %q with %d descriptors: unknown", req.Op, len(files))})
	}
}

// How long a host that does not answer may hold a caller up.
const (
	spawnTime = 2 * time.Minute  // to start a program
	killTime  = 30 * time.Second // to end one whose caller is gone
)

// exec runs one command for a caller. When the caller goes away, so does the
// command.
func (s *server) exec(ctx context.Context, c *net.UnixConn, req *request, files []*os.File) {
	if !s.enter() {
		_ = send(c, reply{Error: "the host is ending"})
		return
	}
	defer s.leave()

	caller, gone := context.WithCancel(ctx)
	defer gone()
	notices := make(chan notice, 16)
	var reading sync.WaitGroup
	reading.Go(func() {
		readNotices(caller, c, notices)
		gone()
	})
	defer reading.Wait()
	defer c.CloseRead() // ends readNotices

	input, err := newCallerInput(files[0])
	if err != nil {
		_ = send(c, reply{Error: err.Error()})
		return
	}
	defer input.close()
	var activity activity
	activity.touch()
	stdout := &activeWriter{w: files[1], activity: &activity}
	stderr := stdout
	if !sameFile(files[1], files[2]) {
		stderr = &activeWriter{w: files[2], activity: &activity}
	}
	p, early, err := s.spawnAttended(caller, agent.Command{
		Args: req.Args, Env: req.Env, Dir: req.Dir,
		TTY: req.TTY, Size: agent.WinSize{Rows: req.Rows, Columns: req.Columns},
		KillOnDisconnect: true, KillLeft: true,
		Stdin: input, Stdout: stdout, Stderr: stderr,
	}, notices)
	switch {
	case err != nil && early.Signal > 0:
		_ = send(c, reply{Exit: &exitReply{Signal: early.Signal}})
		return
	case err != nil:
		_ = send(c, s.spawnFailure(err))
		return
	}
	early.apply(p)
	if req.WatchNS > 0 {
		go s.watch(caller, time.Duration(req.WatchNS), &activity, files[2])
	}
	exit, err := attend(ctx, caller, p, notices)
	if err != nil {
		_ = send(c, reply{Error: s.explain(err)})
		return
	}
	_ = send(c, reply{Exit: &exitReply{Code: exit.Code, Signal: int(exit.Signal)}})
}

// spawnAttended is spawn, and gathers the notices that come meanwhile. A signal
// among them ends the wait: the program then has not started, or it has and
// early is its first signal. Only the keeper knows which, so only it decides.
func (s *server) spawnAttended(ctx context.Context, cmd agent.Command, notices <-chan notice) (p process, early notice, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	var attending sync.WaitGroup
	attending.Go(func() {
		for early.Signal == 0 {
			select {
			case n := <-notices:
				early.merge(n)
			case <-over:
				return
			}
		}
		cancel()
	})
	p, err = s.spawn(ctx, cmd)
	close(over)
	attending.Wait()
	return p, early, err
}

// spawn starts a program that sees the machine's files as they are now.
func (s *server) spawn(ctx context.Context, cmd agent.Command) (process, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, spawnTime, fmt.Errorf("the host did not answer within %v", spawnTime))
	defer cancel()
	refresh(ctx, s.spawner)
	if s.names != nil {
		s.names.tell(ctx, s.spawner)
	}
	return s.spawner.Spawn(ctx, cmd)
}

// attend hands notices to a process until it ends, and ends it when its caller
// goes away.
func attend(ctx, caller context.Context, p process, notices <-chan notice) (agent.Exit, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	var attending sync.WaitGroup
	attending.Go(func() {
		for {
			select {
			case n := <-notices:
				n.apply(p)
				continue
			case <-over:
				return
			case <-caller.Done():
			}
			_ = p.SignalGroup(unix.SIGKILL)
			select {
			case <-over:
			case <-time.After(killTime):
				cancel(fmt.Errorf("killed %v ago, and still there", killTime))
			}
			return
		}
	})
	exit, err := p.Wait(ctx)
	close(over)
	attending.Wait()
	return exit, err
}

// merge adds what a later notice says.
func (n *notice) merge(later notice) {
	if later.Signal > 0 && later.Signal < 65 {
		n.Signal = later.Signal
	}
	if later.Rows > 0 && later.Columns > 0 {
		n.Rows, n.Columns = later.Rows, later.Columns
	}
}

func (n notice) apply(p process) {
	if n.Signal > 0 && n.Signal < 65 {
		_ = p.SignalGroup(unix.Signal(n.Signal)) // it has ended, or will not
	}
	if n.Rows > 0 && n.Columns > 0 {
		_ = p.Resize(agent.WinSize{Rows: n.Rows, Columns: n.Columns})
	}
}

// readNotices reads what a caller says until it goes away.
func readNotices(ctx context.Context, r io.Reader, notices chan<- notice) {
	for {
		var n notice
		if err := receive(r, &n); err != nil {
			return
		}
		select {
		case notices <- n:
		case <-ctx.Done():
			return
		}
	}
}

// watch writes a report to the caller's standard error when the command was
// silent for d, once for each silence.
func (s *server) watch(ctx context.Context, d time.Duration, a *activity, stderr io.Writer) {
	var reported time.Time
	for {
		last := a.last()
		wait := d - time.Since(last)
		if last.Equal(reported) {
			wait = d
		}
		if wait <= 0 {
			reported = last
			text := s.report(ctx, fmt.Sprintf("no output for %v", d))
			if ctx.Err() == nil {
				_, _ = io.WriteString(stderr, text)
			}
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func (s *server) spawnFailure(err error) reply {
	var refused *agent.SpawnError
	if errors.As(err, &refused) {
		return reply{Refused: &refusal{Errno: int(refused.Errno), Text: refused.Text}}
	}
	return reply{Error: s.explain(err)}
}

// refresh makes the host forget the names of files and what it knows of them.
// It reads the machine's tree through caches that nobody tells of changes, so
// that a program built anew would run as it was before. The first write only
// takes away the mark of recent use from names used twice; those go with the
// second.
func refresh(ctx context.Context, s spawner) {
	const script = "echo 2 >/proc/sys/vm/drop_caches && echo 2 >/proc/sys/vm/drop_caches"
	p, err := s.Spawn(ctx, agent.Command{Args: []string{"/bin/sh", "-c", script}, KillOnDisconnect: true})
	if err != nil {
		return // the command itself will say it
	}
	_, _ = p.Wait(ctx)
}

// activity is when a command has last said something.
type activity struct{ at atomic.Int64 }

func (a *activity) touch()          { a.at.Store(time.Now().UnixNano()) }
func (a *activity) last() time.Time { return time.Unix(0, a.at.Load()) }

type activeWriter struct {
	w        io.Writer
	activity *activity
}

func (w *activeWriter) Write(p []byte) (int, error) {
	w.activity.touch()
	return w.w.Write(p)
}

// sameFile says whether two descriptors lead to the same file, pipe or
// terminal: then the order of what is written to both is kept.
func sameFile(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}
