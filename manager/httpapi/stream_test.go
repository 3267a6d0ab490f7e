package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// upgraded is a client's end of an upgraded connection.
type upgraded struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	frameReader
}

// upgrade asks for an upgraded connection, on any connection.
func upgrade(t *testing.T, conn net.Conn, path, body string) *upgraded {
	t.Helper()
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: hull\r\nConnection: keep-alive, Upgrade\r\nUpgrade: hull-stream\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	u := &upgraded{t: t, conn: conn, r: bufio.NewReader(conn)}
	resp, err := http.ReadResponse(u.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != upgradeName {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %d %s", path, resp.StatusCode, b)
	}
	u.frameReader.r = u.r
	return u
}

func (u *upgraded) write(t frameType, payload []byte) {
	u.t.Helper()
	if _, err := u.conn.Write(appendFrame(nil, t, payload)); err != nil {
		u.t.Error(err) // also from a goroutine
	}
}

// rest reads to the last frame: the bytes of both streams, and what it says.
func (u *upgraded) rest() (stdout, stderr []byte, last string) {
	u.t.Helper()
	for {
		t, payload, err := u.next()
		if err != nil {
			u.t.Fatalf("after %d and %d bytes: %v", len(stdout), len(stderr), err)
		}
		switch t {
		case frameStdout:
			stdout = append(stdout, payload...)
		case frameStderr:
			stderr = append(stderr, payload...)
		case frameExit:
			if _, _, err := u.frameReader.next(); !errors.Is(err, io.EOF) {
				u.t.Errorf("after the last frame: %v", err)
			}
			return stdout, stderr, string(payload)
		default:
			u.t.Fatalf("frame of type %d", t)
		}
	}
}

// fakeProgram is a program of a guest: a function with its streams.
type fakeProgram struct {
	command agent.Command
	done    chan struct{}
	exit    agent.Exit
	err     error

	mu      sync.Mutex
	signals []syscall.Signal
	sizes   []agent.WinSize
	told    chan struct{}
	closed  chan struct{}
}

func program(run func(p *fakeProgram) agent.Exit) func(context.Context, manager.ExecOptions) (manager.Execution, error) {
	f, _ := programAnd(run)
	return f
}

// programAnd also hands the program out once it has started.
func programAnd(run func(p *fakeProgram) agent.Exit) (func(context.Context, manager.ExecOptions) (manager.Execution, error), <-chan *fakeProgram) {
	started := make(chan *fakeProgram, 1)
	return func(_ context.Context, o manager.ExecOptions) (manager.Execution, error) {
		p := &fakeProgram{command: o.Command, done: make(chan struct{}), told: make(chan struct{}, 10), closed: make(chan struct{})}
		go func() {
			defer close(p.done)
			p.exit = run(p)
		}()
		started <- p
		return p, nil
	}, started
}

func (p *fakeProgram) Wait(ctx context.Context) (agent.Exit, error) {
	select {
	case <-p.done:
		return p.exit, p.err
	case <-ctx.Done():
		return agent.Exit{}, context.Cause(ctx)
	}
}

func (p *fakeProgram) Signal(s syscall.Signal) error {
	p.mu.Lock()
	p.signals = append(p.signals, s)
	p.mu.Unlock()
	p.told <- struct{}{}
	return nil
}

func (p *fakeProgram) Resize(s agent.WinSize) error {
	p.mu.Lock()
	p.sizes = append(p.sizes, s)
	p.mu.Unlock()
	p.told <- struct{}{}
	return errors.New("it ends nothing that this fails")
}

func (p *fakeProgram) PID() int { return 7 }

func (p *fakeProgram) Close() error {
	close(p.closed)
	return nil
}

// noise is bytes of every value.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func TestExecCarriesExactBytesBothWays(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	input := noise(3*framePayload + 17)
	e.exec = program(func(p *fakeProgram) agent.Exit {
		got, err := io.ReadAll(p.command.Stdin)
		if err != nil || !bytes.Equal(got, input) {
			t.Errorf("the program read %d bytes, %v", len(got), err)
		}
		// It goes on after its input has ended.
		for i := 0; i < len(got); i += 100_000 {
			piece := got[i:min(i+100_000, len(got))]
			if n, err := p.command.Stdout.Write(piece); n != len(piece) || err != nil {
				t.Errorf("write: %d, %v", n, err)
			}
			if _, err := p.command.Stderr.Write(piece[:1]); err != nil {
				t.Error(err)
			}
		}
		return agent.Exit{Code: 42}
	})
	u := upgrade(t, s.dial(t), "/v1/instances/web/exec", `{"command":["cat","-v"],"env":["A=b"],"dir":"/tmp","user":"me:us","stdin":true,"kill_on_disconnect":true}`)
	if got, want := e.take(), `exec ["cat" "-v"] env=["A=b"] dir="/tmp" user="me:us" tty=false 0x0 stdin=true kill=true web`; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	go func() {
		for rest := input; len(rest) > 0; {
			n := min(len(rest), framePayload)
			u.write(frameStdin, rest[:n])
			rest = rest[n:]
		}
		u.write(frameStdin, nil)
	}()
	stdout, stderr, last := u.rest()
	if !bytes.Equal(stdout, input) || len(stderr) != 2 || last != `{"code":42}` {
		t.Errorf("%d bytes, %q, %s", len(stdout), stderr, last)
	}
}

func TestExecPassesSizesAndSignalsOn(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	run, started := programAnd(func(p *fakeProgram) agent.Exit {
		<-p.told
		<-p.told
		return agent.Exit{Signal: syscall.SIGTERM}
	})
	e.exec = run
	u := upgrade(t, s.dial(t), "/v1/instances/web/exec", `{"command":["sh"],"tty":true,"rows":24,"columns":80}`)
	p := <-started
	if p.command.Size != (agent.WinSize{Rows: 24, Columns: 80}) || p.command.Stderr != nil || p.command.Stdin != nil {
		t.Errorf("%+v", p.command)
	}
	u.write(frameResize, []byte{0x01, 0x02, 0x03, 0x04})
	u.write(frameSignal, []byte{15})
	if _, _, last := u.rest(); last != `{"code":143,"signal":15}` {
		t.Error(last)
	}
	if len(p.signals) != 1 || p.signals[0] != syscall.SIGTERM || len(p.sizes) != 1 || p.sizes[0] != (agent.WinSize{Rows: 0x102, Columns: 0x304}) {
		t.Errorf("%v %v", p.signals, p.sizes)
	}
}

func TestABadFrameEndsItsStream(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	tooLong := []byte{byte(frameStdin), 0xff, 0xff, 0xff, 0xff}
	for name, sent := range map[string][]byte{
		"too long":         tooLong,
		"of the server's":  appendFrame(nil, frameStdout, []byte("x")),
		"of no type":       appendFrame(nil, 77, nil),
		"a short size":     appendFrame(nil, frameResize, []byte{1}),
		"no such signal":   appendFrame(nil, frameSignal, []byte{0}),
		"input after end":  appendFrame(appendFrame(nil, frameStdin, nil), frameStdin, []byte("x")),
		"a resize, no tty": appendFrame(nil, frameResize, []byte{0, 1, 0, 1}),
	} {
		run, started := programAnd(func(p *fakeProgram) agent.Exit {
			<-p.closed
			return agent.Exit{}
		})
		e.exec = run
		u := upgrade(t, s.dial(t), "/v1/instances/web/exec", `{"command":["sh"],"stdin":true}`)
		<-started
		if _, err := u.conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		_, _, last := u.rest()
		var frame exitFrame
		if err := json.Unmarshal([]byte(last), &frame); err != nil || frame.Error == nil || frame.Error.Kind != instance.KindInvalid {
			t.Errorf("%s: %s", name, last)
		}
		u.conn.Close()
	}
	// Input that was not asked for.
	run, _ := programAnd(func(p *fakeProgram) agent.Exit {
		<-p.closed
		return agent.Exit{}
	})
	e.exec = run
	u := upgrade(t, s.dial(t), "/v1/instances/web/exec", `{"command":["sh"]}`)
	u.write(frameStdin, []byte("x"))
	if _, _, last := u.rest(); !strings.Contains(last, "not asked for") {
		t.Error(last)
	}
}

func TestAClientThatVanishesEndsItsStream(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{Heartbeat: 5 * time.Millisecond})
	for name, run := range map[string]func(p *fakeProgram) agent.Exit{
		"an idle program": func(p *fakeProgram) agent.Exit {
			<-p.closed
			return agent.Exit{}
		},
		"one that writes for ever": func(p *fakeProgram) agent.Exit {
			for {
				if _, err := p.command.Stdout.Write(make([]byte, 1<<20)); err != nil {
					return agent.Exit{}
				}
			}
		},
		"one that does not read": func(p *fakeProgram) agent.Exit {
			<-p.closed
			return agent.Exit{}
		},
	} {
		exec, started := programAnd(run)
		e.exec = exec
		u := upgrade(t, s.dial(t), "/v1/instances/web/exec", `{"command":["sh"],"stdin":true}`)
		p := <-started
		if name == "one that does not read" {
			u.write(frameStdin, noise(framePayload))
		}
		u.conn.Close()
		select {
		case <-p.closed:
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: its stream goes on", name)
		}
	}
}

// fakeConsole joins a test to a console.
type fakeConsole struct {
	net.Conn
	sizes chan agent.WinSize
}

func (c *fakeConsole) Resize(_ context.Context, s agent.WinSize) error {
	c.sizes <- s
	return nil
}

// console makes the engine attach to one end of a pipe, and returns the other.
func console(e *fakeEngine) (net.Conn, *fakeConsole) {
	ours, theirs := net.Pipe()
	c := &fakeConsole{theirs, make(chan agent.WinSize, 10)}
	e.attach = func(context.Context, manager.AttachOptions) (manager.Console, error) { return c, nil }
	return ours, c
}

func TestAttachJoinsAConsole(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	guest, c := console(e)
	u := upgrade(t, s.dial(t), "/v1/instances/web/attach", `{"input":true}`)
	if got := e.take(); got != "attach input=true web" {
		t.Error(got)
	}
	typed, printed := noise(1000), noise(200_000)
	go u.write(frameStdin, typed)
	got := make([]byte, len(typed))
	if _, err := io.ReadFull(guest, got); err != nil || !bytes.Equal(got, typed) {
		t.Fatalf("the guest read %q, %v", got, err)
	}
	u.write(frameResize, []byte{0, 25, 0, 80})
	if size := <-c.sizes; size != (agent.WinSize{Rows: 25, Columns: 80}) {
		t.Error(size)
	}
	u.write(frameStdin, nil) // the console stays
	go func() {
		if _, err := guest.Write(printed); err != nil {
			t.Error(err)
		}
		guest.Close()
	}()
	stdout, _, last := u.rest()
	if !bytes.Equal(stdout, printed) || last != "{}" {
		t.Errorf("%d bytes, %s", len(stdout), last)
	}
}

func TestAttachRefusesInputThatWasNotAskedFor(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	guest, _ := console(e)
	defer guest.Close()
	u := upgrade(t, s.dial(t), "/v1/instances/web/attach", `{}`)
	u.write(frameStdin, []byte("x"))
	if _, _, last := u.rest(); !strings.Contains(last, `"kind":"invalid"`) {
		t.Error(last)
	}
	if _, err := guest.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the console is not closed: %v", err)
	}
}

func TestAConsoleIsLetGoWithItsClient(t *testing.T) {
	e := &fakeEngine{}
	s := startServer(t, e, Options{})
	guest, _ := console(e)
	defer guest.Close()
	u := upgrade(t, s.dial(t), "/v1/instances/web/attach", `{"input":true}`)
	u.write(frameStdin, []byte("x")) // which the guest does not read
	u.conn.Close()
	_ = guest.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.Copy(io.Discard, guest); err != nil {
		t.Errorf("the console is not closed: %v", err)
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	e := &fakeEngine{follow: true, block: make(chan struct{}), entered: make(chan struct{}, 2)}
	s := startServer(t, e, Options{Grace: 5 * time.Second})
	guest, _ := console(e)
	defer guest.Close()
	run, started := programAnd(func(p *fakeProgram) agent.Exit {
		<-p.closed
		return agent.Exit{}
	})
	e.exec = run
	attached := upgrade(t, s.dial(t), "/v1/instances/web/attach", `{}`)
	executed := upgrade(t, s.dial(t), "/v1/instances/web/exec", `{"command":["sh"]}`)
	<-started
	logs := s.send(t, t.Context(), "GET", "/v1/instances/web/logs?follow=true", strings.NewReader(""))
	defer logs.Body.Close()
	events := s.send(t, t.Context(), "GET", "/v1/events", strings.NewReader(""))
	defer events.Body.Close()
	waited := make(chan string, 1)
	go func() {
		resp, body := s.do(t, "POST", "/v1/instances/web/wait", "")
		waited <- fmt.Sprint(resp.StatusCode, body)
	}()
	<-e.entered
	began := time.Now()
	go s.stop()
	for _, u := range []*upgraded{attached, executed} {
		if _, _, last := u.rest(); !strings.Contains(last, `"kind":"shutting-down"`) {
			t.Error(last)
		}
		u.conn.Close()
	}
	for _, body := range []io.Reader{logs.Body, events.Body} {
		if _, err := io.ReadAll(body); err != nil {
			t.Errorf("a stream was cut off: %v", err)
		}
	}
	if got := <-waited; !strings.Contains(got, "503") || !strings.Contains(got, "shutting-down") {
		t.Error(got)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// FuzzFrames wants frames to be read as they were written, and what is none to be
// an error.
func FuzzFrames(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, frameStdin, []byte("abc")), frameExit, nil))
	f.Add([]byte{0, 0, 1, 0, 1})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff})
	f.Add(binary.BigEndian.AppendUint32([]byte{2}, framePayload))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := frameReader{r: bytes.NewReader(b)}
		var again []byte
		for {
			kind, payload, err := frames.next()
			if err != nil {
				if cap(frames.buffer) > framePayload {
					t.Fatalf("%d bytes were taken", cap(frames.buffer))
				}
				break
			}
			again = appendFrame(again, kind, payload)
		}
		if !bytes.HasPrefix(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
		in := &input{stdin: unclosed{io.Discard}, resize: func(agent.WinSize) error { return nil }, failed: func(string, error) {}}
		if err := in.run(bytes.NewReader(b)); err == nil {
			t.Fatal("input ended without a reason")
		}
	})
}
