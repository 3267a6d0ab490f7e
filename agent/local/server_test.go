package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// patience bounds what a broken test waits for.
const patience = 30 * time.Second

// pipes is the two ends of a pipe that buffers, as a virtio-serial port does.
func pipes(t testing.TB) (client, server net.Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		if ends[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return ends[0], ends[1]
}

// serve starts a server on a pipe and returns the other end.
func serve(t testing.TB) net.Conn {
	t.Helper()
	client, server := pipes(t)
	over := make(chan error, 1)
	s := agent.NewServer(agent.ServerOptions{Spawner: NewSpawner(Options{})})
	go func() { over <- s.Serve(context.Background(), server) }()
	t.Cleanup(func() {
		client.Close()
		if err := <-over; err != nil && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("serve: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return client
}

func dial(t testing.TB) *agent.Client {
	t.Helper()
	c, err := agent.NewClient(limit(t), serve(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func spawn(t testing.TB, c *agent.Client, cmd agent.Command) *agent.Process {
	t.Helper()
	if cmd.Env == nil {
		cmd.Env = []string{"PATH=/usr/bin:/bin"}
	}
	p, err := c.Spawn(limit(t), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wait(t testing.TB, p *agent.Process) agent.Exit {
	t.Helper()
	e, err := p.Wait(limit(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func sh(script string) []string { return []string{"sh", "-c", script} }

// lines hands on what is written to it line by line.
type lines struct {
	mu   sync.Mutex
	part []byte
	c    chan string
}

func newLines() *lines { return &lines{c: make(chan string, 1024)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = append(l.part, p...)
	for {
		i := bytes.IndexByte(l.part, '\n')
		if i < 0 {
			return len(p), nil
		}
		l.c <- strings.TrimSuffix(string(l.part[:i]), "\r")
		l.part = l.part[i+1:]
	}
}

func (l *lines) expect(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-l.c:
		if got != want {
			t.Fatalf("got line %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Fatalf("no line, want %q", want)
	}
}

func (l *lines) next(t testing.TB) string {
	t.Helper()
	select {
	case got := <-l.c:
		return got
	case <-time.After(patience):
		t.Fatal("no line")
		return ""
	}
}

func TestStreamsComeApart(t *testing.T) {
	var out, errs bytes.Buffer
	e := wait(t, spawn(t, dial(t), agent.Command{
		Args: sh("cat; echo oops >&2; exit 3"), Stdin: strings.NewReader("hello\n"), Stdout: &out, Stderr: &errs,
	}))
	if out.String() != "hello\n" || errs.String() != "oops\n" || e.Status() != 3 {
		t.Errorf("got %q, %q, %v", &out, &errs, e)
	}
}

func TestSameWriterKeepsTheOrder(t *testing.T) {
	var out bytes.Buffer
	wait(t, spawn(t, dial(t), agent.Command{
		Args: sh("for i in 1 2 3 4 5; do echo o; echo e >&2; done"), Stdout: &out, Stderr: &out,
	}))
	if want := strings.Repeat("o\ne\n", 5); out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}

func TestNilStreamsAreNull(t *testing.T) {
	var out bytes.Buffer
	e := wait(t, spawn(t, dial(t), agent.Command{
		Args: sh("readlink /proc/self/fd/0; readlink /proc/self/fd/2; cat"), Stdout: &out,
	}))
	if want := "/dev/null\n/dev/null\n"; out.String() != want || e.Status() != 0 {
		t.Errorf("got %q, %v", &out, e)
	}
}

func TestMoreThanAWindowBothWays(t *testing.T) {
	in := make([]byte, 3<<20+17)
	rand.Read(in)
	var out bytes.Buffer
	e := wait(t, spawn(t, dial(t), agent.Command{Args: []string{"cat"}, Stdin: bytes.NewReader(in), Stdout: &out}))
	if !bytes.Equal(out.Bytes(), in) || e.Status() != 0 {
		t.Errorf("got %d bytes, want the %d sent; %v", out.Len(), len(in), e)
	}
}

func TestExitStatus(t *testing.T) {
	c := dial(t)
	for _, tt := range []struct {
		script string
		want   int
	}{
		{"exit 0", 0},
		{"exit 7", 7},
		{"exit 255", 255},
		{"kill -TERM $$", 128 + 15},
		{"kill -KILL $$", 128 + 9},
		{"kill -SEGV $$", 128 + 11},
	} {
		t.Run(tt.script, func(t *testing.T) {
			if e := wait(t, spawn(t, c, agent.Command{Args: sh(tt.script)})); e.Status() != tt.want {
				t.Errorf("got %v, want status %d", e, tt.want)
			}
		})
	}
}

func TestExitSaysWhatItTook(t *testing.T) {
	e := wait(t, spawn(t, dial(t), agent.Command{Args: sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")}))
	if e.User+e.System <= 0 || e.MaxRSS <= 0 {
		t.Errorf("got %v user, %v system, %d KiB", e.User, e.System, e.MaxRSS)
	}
}

func TestSignals(t *testing.T) {
	c := dial(t)
	for _, tt := range []struct {
		name   string
		signal func(*agent.Process) error
		want   int
	}{
		{"to the process", func(p *agent.Process) error { return p.Signal(unix.SIGUSR1) }, 42},
		{"to the group", func(p *agent.Process) error { return p.SignalGroup(unix.SIGUSR1) }, 42},
		{"kill", (*agent.Process).Kill, 128 + 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := newLines()
			p := spawn(t, c, agent.Command{Args: sh("trap 'exit 42' USR1; echo ready; while :; do sleep 0.01; done"), Stdout: out})
			out.expect(t, "ready")
			if err := tt.signal(p); err != nil {
				t.Fatal(err)
			}
			if e := wait(t, p); e.Status() != tt.want {
				t.Errorf("got %v, want status %d", e, tt.want)
			}
		})
	}
}

func TestDirectoryAndEnvironment(t *testing.T) {
	var out bytes.Buffer
	dir := t.TempDir()
	wait(t, spawn(t, dial(t), agent.Command{
		Args: []string{"/bin/sh", "-c", `pwd; echo "$A,$B"`}, Dir: dir, Env: []string{"A=1", "B=x y"}, Stdout: &out,
	}))
	if want := dir + "\n1,x y\n"; out.String() != want {
		t.Errorf("got %q, want %q", &out, want)
	}
}

func TestRefusal(t *testing.T) {
	dir := t.TempDir()
	plain := dir + "/plain"
	if err := os.WriteFile(plain, []byte("not a program"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := dial(t)
	for _, tt := range []struct {
		name string
		cmd  agent.Command
		want unix.Errno
		text string
	}{
		{"no such name", agent.Command{Args: []string{"no-such-program"}}, unix.ENOENT, "no such file"},
		{"no such file", agent.Command{Args: []string{"/no/such/program"}}, unix.ENOENT, "no such file"},
		{"no such directory", agent.Command{Args: []string{"true"}, Dir: "/no/such"}, unix.ENOENT, `directory "/no/such"`},
		{"directory is a file", agent.Command{Args: []string{"true"}, Dir: plain}, unix.ENOTDIR, "directory"},
		{"not executable", agent.Command{Args: []string{plain}}, unix.EACCES, "permission denied"},
		{"not executable in PATH", agent.Command{Args: []string{"plain"}, Env: []string{"PATH=/no:" + dir}}, unix.EACCES, "permission denied"},
		{"a directory", agent.Command{Args: []string{"/"}}, unix.EACCES, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Spawn(limit(t), tt.cmd)
			var refused *agent.SpawnError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v (errno %d), want %v and %q", err, refused.Errno, tt.want, tt.text)
			}
		})
	}
	if e := wait(t, spawn(t, c, agent.Command{Args: []string{"true"}})); e.Status() != 0 {
		t.Errorf("after the refusals: %v", e)
	}
}

func TestTerminal(t *testing.T) {
	out := newLines()
	r, w := io.Pipe()
	defer w.Close()
	p := spawn(t, dial(t), agent.Command{
		Args: sh(`tty >/dev/null && echo tty; stty size; trap 'stty size; exit 5' WINCH; read x; echo "got $x"; echo ready; while :; do sleep 0.01; done`),
		TTY:  true, Size: agent.WinSize{Rows: 30, Columns: 100}, Stdin: r, Stdout: out,
	})
	out.expect(t, "tty")
	out.expect(t, "30 100")
	if _, err := io.WriteString(w, "line\n"); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "line") // the echo
	out.expect(t, "got line")
	out.expect(t, "ready")
	if err := p.Resize(agent.WinSize{Rows: 50, Columns: 132}); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "50 132")
	if e := wait(t, p); e.Status() != 5 {
		t.Errorf("got %v", e)
	}
}

// The program is no shell: one that is about to execute its last command holds
// an interrupt back, and loses it.
func TestTerminalInterrupt(t *testing.T) {
	out := newLines()
	r, w := io.Pipe()
	defer w.Close()
	p := spawn(t, dial(t), agent.Command{Args: []string{"cat"}, TTY: true, Stdin: r, Stdout: out})
	if _, err := io.WriteString(w, "ready\n"); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "ready") // the echo
	out.expect(t, "ready") // cat runs
	if _, err := w.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	if e := wait(t, p); e.Signal != unix.SIGINT {
		t.Errorf("got %v", e)
	}
}

func TestTerminalEndOfInput(t *testing.T) {
	var out bytes.Buffer
	e := wait(t, spawn(t, dial(t), agent.Command{
		Args: sh("stty -echo; echo start; cat; echo end"), TTY: true, Stdin: strings.NewReader(""), Stdout: &out,
	}))
	if got := strings.ReplaceAll(strings.ReplaceAll(out.String(), "^D\b\b", ""), "\r", ""); got != "start\nend\n" || e.Status() != 0 {
		t.Errorf("got %q, %v", got, e)
	}
}

func TestTerminalOutputIsWholeAtTheEnd(t *testing.T) {
	var out bytes.Buffer
	wait(t, spawn(t, dial(t), agent.Command{
		Args: sh("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done"), TTY: true, Stdout: &out,
	}))
	got := strings.Fields(out.String())
	if len(got) != 3000 || got[2999] != "2999" {
		t.Errorf("got %d lines of 3000", len(got))
	}
}

func TestWhatIsLeftBehindDoesNotHoldTheEndUp(t *testing.T) {
	var out bytes.Buffer
	p := spawn(t, dial(t), agent.Command{
		Args: sh("(while :; do sleep 0.05; echo late; done) & echo now"), Stdout: &out, KillLeft: true,
	})
	if e := wait(t, p); e.Status() != 0 || !strings.HasPrefix(out.String(), "now\n") {
		t.Errorf("got %q, %v", &out, e)
	}
}

func TestKillLeft(t *testing.T) {
	out := newLines()
	p := spawn(t, dial(t), agent.Command{Args: sh("sleep 1000 & echo $!; exit 1"), Stdout: out, KillLeft: true})
	var pid int
	if _, err := fmt.Sscan(out.next(t), &pid); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	waitGone(t, pid)
}

// waitGone waits until a process that is not our child is gone, or nothing but
// a zombie of somebody else's.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		if _, after, _ := bytes.Cut(stat, []byte(") ")); bytes.HasPrefix(after, []byte("Z")) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

func TestDisconnectKillsOnlyWhatItShould(t *testing.T) {
	conn := serve(t)
	c, err := agent.NewClient(limit(t), conn)
	if err != nil {
		t.Fatal(err)
	}
	dies, lives := newLines(), newLines()
	file := t.TempDir() + "/lived"
	script := "sleep 1000 & echo $!; wait"
	spawn(t, c, agent.Command{Args: sh(script), Stdout: dies, KillOnDisconnect: true})
	// What runs on writes more than a pipe holds, and has to see the end of its input.
	spawn(t, c, agent.Command{
		Args:  sh("echo ready; cat; head -c 1000000 /dev/zero; echo done >" + file),
		Stdin: forever{}, Stdout: lives, Stderr: lives,
	})
	var pid int
	if _, err := fmt.Sscan(dies.next(t), &pid); err != nil {
		t.Fatal(err)
	}
	lives.expect(t, "ready")
	conn.Close()
	waitGone(t, pid)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if b, _ := os.ReadFile(file); string(b) == "done\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the process that should have run on did not")
		}
	}
}

// forever is an input that never comes.
type forever struct{}

func (forever) Read([]byte) (int, error) { select {} }

func TestNewHelloEndsTheSessionBefore(t *testing.T) {
	conn := serve(t)
	half := &unclosed{Conn: conn}
	first, err := agent.NewClient(limit(t), half)
	if err != nil {
		t.Fatal(err)
	}
	out := newLines()
	p := spawn(t, first, agent.Command{Args: sh("echo $$; exec sleep 1000"), Stdout: out, KillOnDisconnect: true})
	var pid int
	if _, err := fmt.Sscan(out.next(t), &pid); err != nil {
		t.Fatal(err)
	}
	half.cut()
	if _, err := p.Wait(limit(t)); !errors.Is(err, agent.ErrDisconnected) {
		t.Errorf("first client's wait: %v", err)
	}
	// A client that died within a frame: the beginning of a DATA of 65,536 bytes.
	if _, err := conn.Write([]byte("\xf7\x02\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00half")); err != nil {
		t.Fatal(err)
	}
	second, err := agent.NewClient(limit(t), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	waitGone(t, pid)
	var echoed bytes.Buffer
	wait(t, spawn(t, second, agent.Command{Args: []string{"echo", "hi"}, Stdout: &echoed}))
	if echoed.String() != "hi\n" {
		t.Errorf("second client got %q", &echoed)
	}
}

// unclosed is a client's end of a pipe that outlives it.
type unclosed struct {
	net.Conn
	mu  sync.Mutex
	off bool
}

// cut ends the client's use without a word on the pipe.
func (u *unclosed) cut() {
	u.mu.Lock()
	u.off = true
	u.mu.Unlock()
	_ = u.SetReadDeadline(time.Unix(1, 0))
}

func (u *unclosed) Read(p []byte) (int, error) {
	n, err := u.Conn.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.off {
		_ = u.SetReadDeadline(time.Time{})
		return 0, io.EOF
	}
	return n, err
}

func (u *unclosed) Write(p []byte) (int, error) {
	u.mu.Lock()
	off := u.off
	u.mu.Unlock()
	if off {
		return 0, io.ErrClosedPipe
	}
	return u.Conn.Write(p)
}

func (u *unclosed) Close() error { return nil }

func TestStalledReaderStallsItsOwnChannelOnly(t *testing.T) {
	c := dial(t)
	release := make(chan struct{})
	stalled := writerFunc(func(p []byte) (int, error) {
		<-release
		return len(p), nil
	})
	p := spawn(t, c, agent.Command{Args: sh("head -c 2000000 /dev/zero"), Stdout: stalled})
	for range 3 {
		var out bytes.Buffer
		wait(t, spawn(t, c, agent.Command{Args: sh("head -c 600000 /dev/zero"), Stdout: &out}))
		if out.Len() != 600000 {
			t.Errorf("got %d bytes", out.Len())
		}
	}
	if err := c.Ping(limit(t)); err != nil {
		t.Error(err)
	}
	close(release)
	if e := wait(t, p); e.Status() != 0 {
		t.Errorf("stalled process: %v", e)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestProcessThatDoesNotReadItsInput(t *testing.T) {
	e := wait(t, spawn(t, dial(t), agent.Command{Args: sh("exec sleep 0.05"), Stdin: bytes.NewReader(make([]byte, 4<<20))}))
	if e.Status() != 0 {
		t.Errorf("got %v", e)
	}
}

func TestClosedOutputIsABrokenPipe(t *testing.T) {
	broken := writerFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe })
	if e := wait(t, spawn(t, dial(t), agent.Command{Args: []string{"yes"}, Stdout: broken})); e.Signal != unix.SIGPIPE {
		t.Errorf("got %v", e)
	}
}

func TestFiftyAtOnce(t *testing.T) {
	c := dial(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			var out bytes.Buffer
			p, err := c.Spawn(limit(t), agent.Command{
				Args:  []string{"/bin/sh", "-c", fmt.Sprintf("cat; exit %d", i)},
				Env:   []string{"PATH=/usr/bin:/bin"},
				Stdin: strings.NewReader(strings.Repeat(fmt.Sprintf("%d\n", i), 1000)), Stdout: &out,
			})
			if err != nil {
				t.Error(err)
				return
			}
			e, err := p.Wait(limit(t))
			if err != nil || e.Status() != i || out.String() != strings.Repeat(fmt.Sprintf("%d\n", i), 1000) {
				t.Errorf("process %d: %v, %v, %d bytes", i, e, err, out.Len())
			}
		})
	}
	all.Wait()
}

func TestEndOfContextWhileStarting(t *testing.T) {
	c := dial(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Spawn(ctx, agent.Command{Args: []string{"/bin/sleep", "1000"}}); err == nil {
		t.Skip("it had started before anybody looked")
	}
	if e := wait(t, spawn(t, c, agent.Command{Args: []string{"true"}})); e.Status() != 0 {
		t.Errorf("got %v", e)
	}
}
