package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// localSpawner runs programs here, as an agent would there.
type localSpawner struct {
	resized atomic.Uint32
	stuck   chan struct{} // unless nil: starts nothing, and is told of each try
}

type localProcess struct {
	cmd     *exec.Cmd
	spawner *localSpawner
	over    chan struct{}
}

func (s *localSpawner) Spawn(ctx context.Context, c agent.Command) (process, error) {
	if strings.Contains(strings.Join(c.Args, " "), "drop_caches") {
		c.Args = []string{"true"} // not on this machine
	}
	if s.stuck != nil {
		s.stuck <- struct{}{}
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	cmd.Stdout, cmd.Stderr = c.Stdout, c.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var stdin io.WriteCloser
	if c.Stdin != nil {
		var err error
		if stdin, err = cmd.StdinPipe(); err != nil {
			return nil, err
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, &agent.SpawnError{Command: c.Args[0], Errno: unix.ENOENT, Text: err.Error()}
	}
	if stdin != nil {
		go func() {
			_, _ = io.Copy(stdin, c.Stdin)
			_ = stdin.Close()
		}()
	}
	p := &localProcess{cmd: cmd, spawner: s, over: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the state says it
		close(p.over)
	}()
	return p, nil
}

func (p *localProcess) SignalGroup(s unix.Signal) error { return unix.Kill(-p.cmd.Process.Pid, s) }

func (p *localProcess) Resize(w agent.WinSize) error {
	p.spawner.resized.Store(uint32(w.Rows)<<16 | uint32(w.Columns))
	return nil
}

func (p *localProcess) Wait(ctx context.Context) (agent.Exit, error) {
	select {
	case <-p.over:
	case <-ctx.Done():
		return agent.Exit{}, context.Cause(ctx)
	}
	ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return agent.Exit{Signal: unix.Signal(ws.Signal())}, nil
	}
	return agent.Exit{Code: ws.ExitStatus()}, nil
}

// served is a lab with one host, whose keeper is this test and whose programs
// run here.
type served struct {
	lab     *Lab
	server  *server
	spawner *localSpawner
	downs   atomic.Int32
}

func serveHost(t *testing.T) *served {
	t.Helper()
	dirs := Dirs{State: t.TempDir()}
	if err := os.Chmod(dirs.State, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := dirs.State + "/lab"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dirs, "false")
	if err != nil {
		t.Fatal(err)
	}
	h := &served{lab: l, spawner: &localSpawner{}}
	h.server = newServer(h.spawner, func(_ context.Context, why string) string { return "report: " + why + "\n" }, error.Error, func() { h.downs.Add(1) })
	listener, err := listen(dir, execSocket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.serve(ctx, listener) }()
	t.Cleanup(func() {
		listener.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return h
}

// output runs a command in the host and returns its status and what it said.
func (h *served) output(t *testing.T, cmd Command) (status int, stdout, stderr string, err error) {
	t.Helper()
	outR, outW := pipe(t)
	errR, errW := pipe(t)
	cmd.Stdout, cmd.Stderr = outW, errW
	cmd.Env = os.Environ()
	var readers sync.WaitGroup
	readers.Go(func() { stdout = readAll(t, outR) })
	readers.Go(func() { stderr = readAll(t, errR) })
	status, err = h.lab.Exec(t.Context(), "lab", cmd)
	outW.Close()
	errW.Close()
	readers.Wait()
	return status, stdout, stderr, err
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func readAll(t *testing.T, r io.Reader) string {
	b, err := io.ReadAll(r)
	if err != nil {
		t.Errorf("read: %v", err)
	}
	return string(b)
}

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

func TestExecHandsStreamsAndStatusThrough(t *testing.T) {
	h := serveHost(t)
	in, inW := pipe(t)
	if _, err := inW.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	inW.Close()
	dir := t.TempDir()
	status, stdout, stderr, err := h.output(t, Command{Args: sh("cat; pwd -P; echo oops >&2; exit 7"), Dir: dir, Stdin: in})
	if err != nil || status != 7 {
		t.Errorf("status %d, %v; want 7", status, err)
	}
	if want := "typed\n" + dir + "\n"; stdout != want {
		t.Errorf("stdout %q, want %q", stdout, want)
	}
	if stderr != "oops\n" {
		t.Errorf("stderr %q", stderr)
	}
}

func TestExecStatuses(t *testing.T) {
	h := serveHost(t)
	for script, want := range map[string]int{
		"exit 0":         0,
		"exit 255":       255,
		"kill -KILL $$":  137,
		"kill -TERM $$":  143,
		"exit 143":       143,
		"exec nonesuch1": 127,
	} {
		status, _, _, err := h.output(t, Command{Args: sh(script)})
		if err != nil || status != want {
			t.Errorf("%s: status %d, %v; want %d", script, status, err, want)
		}
	}
}

func TestExecSaysWhyAProgramDidNotStart(t *testing.T) {
	h := serveHost(t)
	_, _, _, err := h.output(t, Command{Args: []string{"/nonesuch"}})
	var start *StartError
	if !errors.As(err, &start) || start.Errno != unix.ENOENT || start.Command != "/nonesuch" {
		t.Errorf("error %v, want a StartError with ENOENT", err)
	}
	if _, _, _, err := h.output(t, Command{}); err == nil {
		t.Error("no program: no error")
	}
	if _, err := h.lab.Exec(t.Context(), "other", Command{Args: sh("true")}); !errors.Is(err, ErrNoHost) {
		t.Errorf("in a host that is not there: %v, want ErrNoHost", err)
	}
}

func TestExecForwardsSignalsToTheGroup(t *testing.T) {
	h := serveHost(t)
	signals := make(chan os.Signal, 1)
	r, w := pipe(t)
	type result struct {
		status int
		err    error
	}
	done := make(chan result, 1)
	go func() {
		status, err := h.lab.Exec(t.Context(), "lab", Command{
			Args: sh(`trap 'exit 42' HUP; echo ready; while :; do :; done`), Env: os.Environ(),
			Stdout: w, Signals: signals,
		})
		done <- result{status, err}
	}()
	if _, err := io.ReadFull(r, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	signals <- unix.SIGWINCH // without a terminal it means nothing
	signals <- unix.SIGHUP
	if got := <-done; got.err != nil || got.status != 42 {
		t.Errorf("got %+v, want status 42", got)
	}
}

func TestExecGivesUpOnTheThirdSignal(t *testing.T) {
	h := serveHost(t)
	signals := make(chan os.Signal, 3)
	r, w := pipe(t)
	done := make(chan error, 1)
	go func() {
		_, err := h.lab.Exec(t.Context(), "lab", Command{
			Args: sh(`trap "" TERM; echo $$; while :; do sleep 0.01; done`), Env: os.Environ(),
			Stdout: w, Signals: signals,
		})
		w.Close()
		done <- err
	}()
	first := make([]byte, 16)
	if _, err := r.Read(first); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		signals <- unix.SIGTERM
	}
	if err := <-done; !errors.Is(err, ErrGaveUp) {
		t.Errorf("error %v, want ErrGaveUp", err)
	}
	// The keeper kills it: then nobody holds the pipe.
	readAll(t, r)
}

func TestASignalEndsTheWaitForAStart(t *testing.T) {
	h := serveHost(t)
	h.spawner.stuck = make(chan struct{}, 2) // the refresh, the command
	signals := make(chan os.Signal, 1)
	go func() {
		<-h.spawner.stuck
		signals <- unix.SIGTERM
	}()
	status, err := h.lab.Exec(t.Context(), "lab", Command{Args: sh("exit 0"), Env: os.Environ(), Signals: signals})
	if err != nil || status != 128+int(unix.SIGTERM) {
		t.Errorf("status %d, %v; want %d", status, err, 128+int(unix.SIGTERM))
	}
}

func TestExecLeavesWhatTheCommandDidNotRead(t *testing.T) {
	h := serveHost(t)
	in, inW := pipe(t)
	for range 20 {
		if status, _, _, err := h.output(t, Command{Args: sh("exit 3"), Stdin: in}); err != nil || status != 3 {
			t.Fatalf("status %d, %v", status, err)
		}
	}
	if _, err := inW.WriteString("for the next one"); err != nil {
		t.Fatal(err)
	}
	inW.Close()
	if got := readAll(t, in); got != "for the next one" {
		t.Errorf("left in the pipe: %q", got)
	}
}

func TestTwoCommandsRunAtOnce(t *testing.T) {
	h := serveHost(t)
	// Each waits for what the other writes.
	r1, w1 := pipe(t)
	r2, w2 := pipe(t)
	var both sync.WaitGroup
	for _, c := range []Command{
		{Args: sh("echo a; read x"), Stdin: r1, Stdout: w2},
		{Args: sh("read x; echo b"), Stdin: r2, Stdout: w1},
	} {
		both.Go(func() {
			c.Env = os.Environ()
			if status, err := h.lab.Exec(t.Context(), "lab", c); err != nil || status != 0 {
				t.Errorf("status %d, %v", status, err)
			}
		})
	}
	both.Wait()
}

func TestACallerThatGoesAwayTakesItsCommandAlong(t *testing.T) {
	h := serveHost(t)
	r, w := pipe(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := h.lab.Exec(ctx, "lab", Command{Args: sh("echo up; sleep 1000"), Env: os.Environ(), Stdout: w})
		w.Close()
		done <- err
	}()
	if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was canceled", err)
	}
	readAll(t, r) // ends when the command does
}

func TestWatchReportsSilence(t *testing.T) {
	h := serveHost(t)
	in, inW := pipe(t)
	errR, errW := pipe(t)
	done := make(chan error, 1)
	go func() {
		_, err := h.lab.Exec(t.Context(), "lab", Command{
			Args: sh("read x"), Env: os.Environ(), Stdin: in, Stderr: errW, Watch: 20 * time.Millisecond,
		})
		done <- err
	}()
	want := "report: no output for 20ms\n"
	got := make([]byte, len(want))
	if _, err := io.ReadFull(errR, got); err != nil || string(got) != want {
		t.Errorf("stderr %q, %v; want %q", got, err, want)
	}
	inW.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReportAndDownReachTheKeeper(t *testing.T) {
	h := serveHost(t)
	text, err := h.lab.Report(t.Context(), "lab")
	if err != nil || text != "report: asked for\n" {
		t.Errorf("report %q, %v", text, err)
	}
	c, err := dial(h.lab.dirs.State+"/lab", execSocket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var r reply
	if err := errors.Join(send(c, request{Version: wireVersion, Op: opDown}), receive(c, &r)); err != nil || !r.Down {
		t.Errorf("reply %+v, %v", r, err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the reply: %v, want the end", err)
	}
	if h.downs.Load() != 1 {
		t.Errorf("the keeper was told %d times", h.downs.Load())
	}
}

func TestBadRequestsAreAnswered(t *testing.T) {
	h := serveHost(t)
	for name, req := range map[string]any{
		"another version": request{Version: 99, Op: opReport},
		"no operation":    request{Version: wireVersion},
		"exec, no files":  request{Version: wireVersion, Op: opExec, Args: sh("true")},
		"no request":      []int{1},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := dial(h.lab.dirs.State+"/lab", execSocket)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var r reply
			if err := errors.Join(send(c, req), receive(c, &r)); err != nil || r.Error == "" {
				t.Errorf("reply %+v, %v; want an error", r, err)
			}
		})
	}
}

func TestIdleCountsFromTheLastCommand(t *testing.T) {
	s := newServer(nil, nil, nil, nil)
	if stopped, wait := s.stopIfIdle(time.Hour); stopped || wait <= 0 || wait > time.Hour {
		t.Errorf("a new host: stopped %v, wait %v", stopped, wait)
	}
	if !s.enter() {
		t.Fatal("a new host takes no command")
	}
	s.quiet = time.Now().Add(-2 * time.Hour)
	if stopped, _ := s.stopIfIdle(time.Hour); stopped {
		t.Error("a host with a command was stopped")
	}
	s.leave()
	if stopped, _ := s.stopIfIdle(time.Hour); stopped {
		t.Error("stopped right after a command")
	}
	s.quiet = time.Now().Add(-2 * time.Hour)
	if stopped, _ := s.stopIfIdle(time.Hour); !stopped {
		t.Error("an idle host was not stopped")
	}
	if s.enter() {
		t.Error("a stopped host takes a command")
	}
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"version":1,"op":"exec"}`))
	f.Add([]byte(`{"version":1,"op":"down"}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		client, server, err := unixPair()
		if err != nil {
			return
		}
		defer client.Close()
		defer server.Close()
		s := newServer(&localSpawner{}, func(context.Context, string) string { return "" }, error.Error, func() {})
		go func() {
			_, _ = client.Write(append([]byte{byte(len(body)), byte(len(body) >> 8), 0, 0}, body...))
			_ = client.CloseWrite()
			_, _ = io.Copy(io.Discard, client)
		}()
		s.call(context.Background(), server)
	})
}

func unixPair() (a, b *net.UnixConn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return nil, nil, err
		}
		conns[i] = c.(*net.UnixConn)
	}
	return conns[0], conns[1], nil
}
