package control

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
)

// start serves a fake at a socket and returns its path.
func start(t testing.TB, f *fake) (string, *Server) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(l, f)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
	})
	return path, s
}

func dial(t testing.TB, path string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// A request of each kind reaches the handler with its arguments, and its result
// comes back.
func TestEveryOperation(t *testing.T) {
	devicestest.CheckGoroutines(t)
	f := newFake()
	f.answers(nil, "vcpu 0: here")
	path, _ := start(t, f)
	c := dial(t, path)
	ctx := t.Context()
	if want := (Hello{1, 1, []string{"seccomp"}, []string{"landlock: the kernel has none"}}); !reflect.DeepEqual(c.Hello(), want) {
		t.Errorf("hello is %+v, want %+v", c.Hello(), want)
	}
	files := SaveFiles{State: newFile(t), Memory: newFile(t), Sums: newFile(t)}
	live := SaveFiles{State: newFile(t), Memory: newFile(t), Sums: newFile(t), Map: newFile(t)}
	over := &Over{"golden", true}
	sent, received := []*os.File{newFile(t), newFile(t)}, make([]*os.File, MaxMoveConns)
	for i := range received {
		received[i] = newFile(t)
	}
	moved, loaded := newFile(t), newFile(t)
	seen := map[string]bool{opHello: true}
	for _, test := range []struct {
		op, call string
		do       func() (any, error)
		want     any
	}{
		{opStart, "start", func() (any, error) { return nil, c.Start(ctx) }, nil},
		{opPause, "pause", func() (any, error) { return nil, c.Pause(ctx) }, nil},
		{opResume, "resume", func() (any, error) { return nil, c.Resume(ctx) }, nil},
		{opPowerButton, "power-button", func() (any, error) { return nil, c.PowerButton(ctx) }, nil},
		{opKill, "kill", func() (any, error) { return nil, c.Kill(ctx) }, nil},
		{opStatus, "status", func() (any, error) { return c.Status(ctx) }, Status{State: Paused, Timeline: []Mark{{"run", 5}}, Threads: []int{7, 0}}},
		{opDump, "dump", func() (any, error) { return c.Dump(ctx) }, "vcpu 0: here"},
		{opBalloonGet, "balloon", func() (any, error) { return c.Balloon(ctx) }, Balloon{1 << 40, 4096}},
		{opBalloonSet, "balloon 18446744073709551615", func() (any, error) { return nil, c.SetBalloon(ctx, 1<<64-1) }, nil},
		{
			opDiskLimits, "limits {Name:root Ops:1 OpsBurst:2 Bytes:3 BytesBurst:4}",
			func() (any, error) { return nil, c.SetDiskLimits(ctx, DiskLimits{"root", 1, 2, 3, 4}) }, nil,
		},
		{opDiskResize, "disk {Name:root Bytes:512}", func() (any, error) { return nil, c.ResizeDisk(ctx, DiskSize{"root", 512}) }, nil},
		{opNetLink, "link {Name:eth0 Up:true}", func() (any, error) { return nil, c.SetLink(ctx, Link{"eth0", true}) }, nil},
		{opConsoleSize, "console {Rows:24 Cols:80}", func() (any, error) { return nil, c.ResizeConsole(ctx, ConsoleSize{24, 80}) }, nil},
		{opDevices, "devices", func() (any, error) { return c.Devices(ctx) }, []Device{{"root", "disk", "00:01.0", map[string]uint64{"reads": 1}}}},
		{opMemory, "memory", func() (any, error) { return c.Memory(ctx) }, Memory{1 << 30, 1 << 20}},
		{opSave, `save false "" { false}`, func() (any, error) { return c.Save(ctx, files, SaveOptions{}) }, Saved{4096, "d", 5, "s", 3}},
		{opPrecopy, "precopy &{golden true}", func() (any, error) { return c.Precopy(ctx, live.Memory, PrecopyOptions{over}) }, Precopied{2, 4096}},
		{opSave, `save true "next" {golden true}`, func() (any, error) { return c.Save(ctx, live, SaveOptions{true, over, "next"}) }, Saved{4096, "d", 5, "s", 3}},
		{opSaveSums, "sums", func() (any, error) { return c.SaveSums(ctx, live.Sums) }, Summed{4096, "d"}},
		{opForgetSave, "forget", func() (any, error) { return nil, c.ForgetSave(ctx) }, nil},
		{opDescribeMove, "describe", func() (any, error) { return c.DescribeMove(ctx) }, []byte{0xa1, 0xff}},
		{opJudgeMove, "judge 2", func() (any, error) { return c.JudgeMove(ctx, []byte{1, 0xff}) }, []string{"0x1", "0xff"}},
		{opJudgeMove, "judge 0", func() (any, error) { return c.JudgeMove(ctx, nil) }, []string{}},
		{opBeginMove, "begin 2 {Compression:zstd Rate:9 Verify:true}", func() (any, error) { return nil, c.BeginMove(ctx, sent, MoveOptions{CompressZstd, 9, true}) }, nil},
		{opMovePass, "pass", func() (any, error) { return c.MovePass(ctx) }, MovedPass{2, 10, 1, 9 << 12, 1 << 12, 7, 8}},
		{opLimitMove, "limit {Rate:18446744073709551615 Throttle:99}", func() (any, error) { return nil, c.LimitMove(ctx, MoveLimits{1<<64 - 1, 99}) }, nil},
		{opMoveLast, "last", func() (any, error) { return c.MoveLast(ctx, moved) }, MovedLast{MovedPass{Epoch: 3}, 5, "s"}},
		{opEndMove, "end", func() (any, error) { return nil, c.EndMove(ctx) }, nil},
		{opBeginReceive, "receive 8", func() (any, error) { return nil, c.BeginReceive(ctx, received) }, nil},
		{opWaitReceived, "epoch 4294967295", func() (any, error) { return nil, c.WaitReceived(ctx, 1<<32-1) }, nil},
		{opLoadReceived, "load", func() (any, error) { return nil, c.LoadReceived(ctx, loaded) }, nil},
		{opWait, "wait", func() (any, error) {
			close(f.ended)
			return c.Wait(ctx)
		}, Exit{Reason: "power-off", Status: &GuestStatus{Code: 3}}},
	} {
		seen[test.op] = true
		got, err := test.do()
		if err != nil {
			t.Fatalf("%s: %v", test.op, err)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.op, got, test.want)
		}
		if f.last() != test.call {
			t.Errorf("%s: the handler did %q, want %q", test.op, f.last(), test.call)
		}
	}
	for f, want := range map[*os.File]string{
		files.State: "state", files.Memory: "memory", files.Sums: "sums",
		live.State: "state", live.Memory: "precopied", live.Sums: "sums", live.Map: "map",
		sent[0]: "0", sent[1]: "1", received[0]: "0", received[7]: "7", moved: "state", loaded: "loaded",
	} {
		if got, err := os.ReadFile(f.Name()); err != nil || string(got) != want {
			t.Errorf("the file for %s has %q, %v", want, got, err)
		}
	}
	for _, op := range Operations() {
		if !seen[op] {
			t.Errorf("%s was not tried", op)
		}
	}
}

func newFile(t testing.TB) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// Descriptors that nobody has asked for are closed, and those that are missing are
// missed.
func TestDescriptors(t *testing.T) {
	devicestest.CheckGoroutines(t)
	f := newFake()
	path, _ := start(t, f)
	c := dial(t, path)
	file := newFile(t)
	if _, err := call[none, none](t.Context(), c, opPause, none{}, file); CodeOf(err) != BadRequest || !strings.Contains(err.Error(), "1 descriptors") {
		t.Errorf("a descriptor too many: %v", err)
	}
	if _, err := call[none, Saved](t.Context(), c, opSave, none{}, file, file); CodeOf(err) != BadRequest || !strings.Contains(err.Error(), "2 descriptors") {
		t.Errorf("one too few: %v", err)
	}
	for _, op := range []string{opSave, opPrecopy, opSaveSums, opBeginMove, opMoveLast, opBeginReceive, opLoadReceived} {
		if _, err := call[none, none](t.Context(), c, op, none{}); CodeOf(err) != BadRequest || !strings.Contains(err.Error(), "0 descriptors") {
			t.Errorf("%s with none: %v", op, err)
		}
	}
	if _, err := call[SaveOptions, Saved](t.Context(), c, opSave, SaveOptions{Live: true, Over: &Over{}}, file); CodeOf(err) != BadRequest {
		t.Errorf("one for a live save over another: %v", err)
	}
	for range 50 { // more than a leak would bear
		if err := c.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := call[none, none](t.Context(), c, opPause, none{}, file, file, file, file); CodeOf(err) != BadRequest {
			t.Fatal(err)
		}
	}
	many := make([]*os.File, maxFiles+1)
	for i := range many {
		many[i] = file
	}
	if _, err := call[none, none](t.Context(), c, opPause, none{}, many...); err == nil || !strings.Contains(err.Error(), "want at most 8") {
		t.Errorf("%d descriptors: %v", len(many), err)
	}
}

func TestFailuresTravelWithTheirCodes(t *testing.T) {
	f := newFake()
	path, _ := start(t, f)
	c := dial(t, path)
	for _, test := range []struct {
		fails error
		code  Code
		text  string
	}{
		{errFake, Failed, "monitor: start: " + errFake.Error()},
		{fmt.Errorf("disk %q: %w", "x", Errorf(NotFound, "there is none")), NotFound, "monitor: start: there is none"},
		{Errorf(WrongState, "it runs"), WrongState, "monitor: start: it runs"},
		{errors.New(strings.Repeat("x", 1<<21)), Failed, "monitor: start: xxx"},
	} {
		f.answers(test.fails, "")
		err := c.Start(t.Context())
		if CodeOf(err) != test.code || !strings.HasPrefix(err.Error(), test.text) {
			t.Errorf("%.80v: %.80v (%s), want %s (%s)", test.fails, err, CodeOf(err), test.text, test.code)
		}
	}
	f.answers(nil, strings.Repeat("x", MaxFrame))
	if _, err := c.Dump(t.Context()); CodeOf(err) != Failed || !strings.Contains(err.Error(), "1048576 bytes") {
		t.Errorf("a reply that is too large: %v", err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Errorf("the connection did not outlive that: %v", err)
	}
}

// exchange sends frames as they are, and returns what comes back until the end.
func exchange(t testing.TB, path string, frames ...string) (replies []string) {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range frames {
		if _, err := c.Write(frame(text)); err != nil {
			t.Fatal(err)
		}
		text, err := readFrame(c)
		if err != nil {
			return append(replies, "the end")
		}
		replies = append(replies, string(text))
	}
	return replies
}

func frame(text string) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
}

const greeting = `{"op":"hello","args":{"version":1}}`

func TestRequestsThatAreRefused(t *testing.T) {
	f := newFake()
	path, _ := start(t, f)
	for _, test := range []struct{ text, want string }{
		{`{"op":"start"}`, `{"result":{}}`},
		{`{"op":"fly"}`, `{"error":{"code":"unknown-operation","message":"operation \"fly\": there is no such"}}`},
		{`{"op":"start","now":true}`, `bad-request","message":"request: json: unknown field \"now\""`},
		{`{"op":"start","args":{"now":true}}`, `bad-request","message":"arguments: json: unknown field \"now\""`},
		{`{"op":"start"} {}`, `bad-request","message":"request: something follows the value"`},
		{`{"op":"balloon-set","args":{"bytes":-1}}`, `bad-request`},
		{`{"op":"balloon-set","args":{"bytes":1.5}}`, `bad-request`},
		{`{"op":"net-link","args":[]}`, `bad-request`},
		{`{"op":"console-size","args":{"rows":65536,"cols":1}}`, `bad-request`},
		{`{"op":"move-limit","args":{"rate":0,"throttle":100}}`, `bad-request","message":"throttle of 100 per cent: want 0 to 99"`},
		{`{"op":"move-limit","args":{"rate":0,"throttle":-1}}`, `bad-request`},
		{`{"op":"move-judge","args":{"description":"no base 64"}}`, `bad-request`},
		{`{"op":"move-begin","args":{"conns":2}}`, `bad-request`},
		{`{"op":"receive-wait","args":{"epoch":4294967296}}`, `bad-request`},
		{`[]`, `bad-request`},
		{`nonsense`, `bad-request`},
		{`{"op":"hello","args":{"version":2}}`, `bad-request","message":"protocol version 2: this monitor speaks 1"`},
	} {
		got := exchange(t, path, greeting, test.text)
		if len(got) != 2 || !strings.Contains(got[1], test.want) {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
	if got := exchange(t, path, `{"op":"start"}`, greeting, `{"op":"start"}`); len(got) != 3 ||
		!strings.Contains(got[0], "wrong-state") || got[2] != `{"result":{}}` {
		t.Errorf("before hello: %q", got)
	}
}

// Frames that are none end the connection, and nobody else's.
func TestFramesThatAreRefused(t *testing.T) {
	f := newFake()
	path, _ := start(t, f)
	other := dial(t, path)
	for name, text := range map[string][]byte{
		"empty":     {0, 0, 0, 0},
		"too large": {1, 0, 0x10, 0, 'x'},
		"cut off":   {5, 0, 0, 0, '{'},
		"no length": {5, 0},
	} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(text); err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.UnixConn).CloseWrite()
		if b, err := io.ReadAll(c); err != nil && len(b) > 0 {
			t.Errorf("%s: answered %q, %v", name, b, err)
		}
		_ = c.Close()
	}
	if err := other.Start(t.Context()); err != nil {
		t.Error(err)
	}
}

// One who waits and goes away leaves nobody waiting, and one whose context ends is
// told so.
func TestWhoWaitsMayGoAway(t *testing.T) {
	devicestest.CheckGoroutines(t)
	f := newFake()
	path, _ := start(t, f)
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	waited := make(chan error, 1)
	go func() {
		_, err := c.Wait(ctx)
		waited <- err
	}()
	devicestest.Eventually(t, "the wait to begin", func() bool { return f.last() == "wait" })
	cancel(errFake)
	if err := <-waited; !errors.Is(err, errFake) {
		t.Errorf("the wait ended with %v", err)
	}
	if err := c.Start(t.Context()); !errors.Is(err, errFake) {
		t.Errorf("the connection goes on: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	devicestest.Eventually(t, "the handler to hear of it", func() bool { return f.last() == "wait ended" })
}

// A shutdown answers what is under way, and takes no more.
func TestShutdown(t *testing.T) {
	devicestest.CheckGoroutines(t)
	f := newFake()
	path, s := start(t, f)
	idle, waits := dial(t, path), dial(t, path)
	waited := make(chan error, 1)
	go func() {
		exit, err := waits.Wait(context.Background())
		if err == nil && exit.Reason != "power-off" {
			err = fmt.Errorf("it ended with %+v", exit)
		}
		waited <- err
	}()
	devicestest.Eventually(t, "the wait to begin", func() bool { return f.last() == "wait" })
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(time.Minute) }()
	devicestest.Eventually(t, "the idle connection to end", func() bool { return idle.Start(context.Background()) != nil })
	close(f.ended)
	if err := errors.Join(<-waited, <-down); err != nil {
		t.Error(err)
	}
	if _, err := Dial(t.Context(), path); err == nil {
		t.Error("a connection is taken after the end")
	}
}

// A server lingers while somebody is connected who may ask yet.
func TestLinger(t *testing.T) {
	devicestest.CheckGoroutines(t)
	f := newFake()
	path, s := start(t, f)
	s.Linger(nil, time.Hour) // for nobody
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	s.Linger(nil, time.Millisecond)
	if err := c.Start(t.Context()); err != nil {
		t.Error(err)
	}
	done := make(chan struct{})
	close(done)
	s.Linger(done, time.Hour)
	lingered := make(chan struct{})
	go func() {
		defer close(lingered)
		s.Linger(nil, time.Hour)
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	<-lingered
}

func TestAShutdownHasADeadline(t *testing.T) {
	devicestest.CheckGoroutines(t)
	f := newFake()
	path, s := start(t, f)
	c := dial(t, path)
	waited := make(chan error, 1)
	go func() {
		_, err := c.Wait(context.Background())
		waited <- err
	}()
	devicestest.Eventually(t, "the wait to begin", func() bool { return f.last() == "wait" })
	if err := s.Shutdown(time.Millisecond); err != nil {
		t.Error(err)
	}
	if err := <-waited; err == nil {
		t.Error("the wait ended well")
	}
}

// More connections than are served wait for their turn.
func TestConnectionsWaitTheirTurn(t *testing.T) {
	f := newFake()
	path, _ := start(t, f)
	var first []*Client
	for range maxConns {
		first = append(first, dial(t, path))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if c, err := Dial(ctx, path); err == nil {
		_ = c.Close()
		t.Error("one more is served")
	}
	if err := first[0].Close(); err != nil {
		t.Error(err)
	}
	dial(t, path)
}

func TestRepliesThatMakeNoSense(t *testing.T) {
	for text, want := range map[string]string{
		`{"result":{"version":2}}`:         "speaks protocol version 2",
		`{"result":{"version":1,"new":1}}`: "unknown field",
		`{"result":{"version":1}} more`:    "reply: ",
		`{}`:                               "reply: ",
		`"hello"`:                          "reply: ",
		`{"error":{"code":"failed","message":"no"}}`: "monitor: hello: no",
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = readFrame(theirs)
			_, _ = theirs.Write(frame(text))
			_ = theirs.Close()
		}()
		c, err := NewClient(t.Context(), ours)
		if err == nil {
			_ = c.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// The document lists every operation and every code, and no other.
func TestTheDocumentListsTheOperations(t *testing.T) {
	text, err := os.ReadFile("../../docs/control-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			listed[name] = true
		}
	}
	want := Operations()
	for _, c := range []Code{BadRequest, UnknownOperation, WrongState, NotFound, Failed} {
		want = append(want, string(c))
	}
	for _, name := range want {
		if !listed[name] {
			t.Errorf("%s is not in the document", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s is in the document alone", name)
	}
}

// FuzzServer sends anything: each frame of the peer's has one reply, in order, until
// one that is none.
func FuzzServer(f *testing.F) {
	f.Add([]byte(greeting), []byte(`{"op":"start"}`), []byte{0, 0, 0, 0})
	f.Add([]byte(greeting), []byte(`{"op":"disk-limits","args":{"name":"x","operations_per_second":1}}`), frame("x"))
	f.Add([]byte(`{"op":"wait"}`), []byte(`{`), []byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, first, second, tail []byte) {
		if len(first) == 0 || len(second) == 0 || len(first) > MaxFrame || len(second) > MaxFrame {
			return
		}
		h := newFake()
		close(h.ended)
		ours, theirs := net.Pipe()
		served := make(chan struct{})
		go func() {
			defer close(served)
			newConn(context.Background(), theirs, h).serve()
		}()
		for _, text := range [][]byte{first, second} {
			if _, err := ours.Write(frame(string(text))); err != nil {
				t.Fatal(err)
			}
			answer, err := readFrame(ours)
			if err != nil {
				t.Fatal(err)
			}
			var r reply
			if err := decode(answer, &r); err != nil || (r.Result == nil) == (r.Error == nil) {
				t.Fatalf("%q: answered %q, %v", text, answer, err)
			}
		}
		_ = ours.SetDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = ours.Write(tail)
		_ = ours.Close()
		<-served
	})
}

// FuzzClient has the client read anything.
func FuzzClient(f *testing.F) {
	hello := frame(`{"result":{"version":1,"pid":1,"has":[],"missing":[]}}`)
	f.Add(append(bytes.Clone(hello), frame(`{"result":{"state":"running"}}`)...))
	f.Add(append(bytes.Clone(hello), frame(`{"error":{"code":"failed","message":"x"}}`)...))
	f.Add([]byte{1, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		go func() {
			_, _ = theirs.Write(stream)
			_ = theirs.Close()
		}()
		c, err := NewClient(context.Background(), ours)
		if err != nil {
			return
		}
		if c.Hello().Version != Version {
			t.Errorf("it takes version %d", c.Hello().Version)
		}
		_, _ = c.Status(context.Background())
		_ = c.Close()
	})
}

// TestAnAnswerThatDoesNotComeEndsTheConnection gives a request up: the client says
// that its connection is of no use, and the monitor does not go on for nobody.
func TestAnAnswerThatDoesNotComeEndsTheConnection(t *testing.T) {
	f := newFake()
	path, _ := start(t, f)
	c := dial(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if c.Broken() {
		t.Error("it is broken before anything was asked")
	}
	if _, err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}
	if !c.Broken() {
		t.Error("it is not broken")
	}
	for end := time.Now().Add(10 * time.Second); f.last() != "wait ended"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the monitor goes on: %q", f.last())
		}
	}
	if err := c.Pause(t.Context()); err == nil {
		t.Error("a broken connection was used")
	}
}
