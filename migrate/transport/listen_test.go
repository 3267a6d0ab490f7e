package transport

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/migrate/wire"
)

var hello = wire.Hello{Lowest: 1, Highest: 1, Release: "0.1.0", Session: session, Heartbeat: time.Second}

func TestConnectionsAreSortedByTheirFirstFrame(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, _ := listenOn(t, nil, Options{})
	for _, first := range []wire.Message{hello, wire.Channel{Session: session, Number: 3}, wire.Ask{Session: session}} {
		source := open(t, l, nil, first)
		o := accept(t, l)
		if o.First != first {
			t.Errorf("%+v came as %+v", first, o.First)
		}
		// Both directions go on.
		if err := o.Wire.WriteMessage(hello); err != nil {
			t.Fatal(err)
		}
		if f, err := source.Wire.Read(); err != nil || f.Type != wire.TypeHello {
			t.Errorf("%v, %v", f, err)
		}
	}
}

// raw connects without a word.
func raw(t testing.TB, l *Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(l.inner.Addr().Network(), l.inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestStrangersAreDropped(t *testing.T) {
	devicestest.CheckGoroutines(t)
	notFirst := func(t *testing.T, c net.Conn) {
		w := wire.New(c)
		if err := w.Greet(); err != nil {
			t.Fatal(err)
		}
		if err := w.WriteMessage(wire.Commit{Session: session}); err != nil {
			t.Fatal(err)
		}
	}
	noFrame := func(t *testing.T, c net.Conn) {
		if _, err := io.WriteString(c, wire.Preamble+strings.Repeat("x", wire.HeaderSize)); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		does func(*testing.T, net.Conn)
		says string
	}{
		"HTTP":               {func(t *testing.T, c net.Conn) { io.WriteString(c, "GET / HTTP/1.1\r\n\r\n") }, "does not speak"},
		"hangs up":           {func(t *testing.T, c net.Conn) { c.Close() }, "closed the connection"},
		"begins with commit": {notFirst, "does not begin with commit"},
		"no frame":           {noFrame, "wrong checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			l, dropped := listenOn(t, nil, Options{})
			conn := raw(t, l)
			c.does(t, conn)
			if err := dropped.wait(t, 1)[0]; !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			open(t, l, nil, hello)
			accept(t, l)
		})
	}
}

// Whoever says nothing keeps nobody waiting, however many do.
func TestSilentStrangersBlockNobody(t *testing.T) {
	devicestest.CheckGoroutines(t)
	folder := authorityAt(t)
	client, server := mustClient(t, filesOf(folder, "source"), "127.0.0.1"), mustServer(t, filesOf(folder, "target"))
	l, dropped := listenOn(t, server, Options{Pending: 4})
	for range 10 {
		raw(t, l)
	}
	open(t, l, client, hello)
	accept(t, l)
	for _, err := range dropped.wait(t, 7) {
		if !errors.Is(err, errCrowded) {
			t.Errorf("dropped: %v", err)
		}
	}
}

func TestStrangersHaveLimitedTime(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, dropped := listenOn(t, nil, Options{Greeting: 20 * time.Millisecond})
	raw(t, l)
	if err := dropped.wait(t, 1)[0]; !strings.Contains(err.Error(), "nothing of use within 20ms") {
		t.Errorf("silent: %v", err)
	}
}

func TestNobodyAccepts(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, dropped := listenOn(t, nil, Options{Greeting: 500 * time.Millisecond})
	c := open(t, l, nil, hello)
	if err := dropped.wait(t, 1)[0]; !errors.Is(err, errUnasked) && !strings.Contains(err.Error(), "within") {
		t.Errorf("%v", err)
	}
	if _, err := c.Wire.Read(); err == nil {
		t.Error("it is still connected")
	}
	ctx, cancel := context.WithCancelCause(soon(t))
	stop := errors.New("stop")
	cancel(stop)
	if _, err := l.Accept(ctx); err != stop {
		t.Errorf("accept: %v", err)
	}
}

func TestCloseOfAListener(t *testing.T) {
	devicestest.CheckGoroutines(t)
	l, dropped := listenOn(t, nil, Options{})
	silent, unasked := raw(t, l), open(t, l, nil, hello)
	devicestest.Eventually(t, "two connections", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.pending) == 2
	})
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, err := range dropped.wait(t, 2) {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := l.Accept(soon(t)); err != ErrClosed {
		t.Errorf("accept: %v", err)
	}
	for _, c := range []net.Conn{silent, unasked.Stream} {
		if _, err := io.ReadAll(c); err != nil {
			t.Logf("ended with %v", err) // a reset or an end, but an end
		}
	}
	if _, err := Listen(soon(t), Address{Host: "host.invalid"}, nil, Options{}); err == nil || !strings.Contains(err.Error(), "host.invalid") {
		t.Errorf("listen on another's address: %v", err)
	}
}

func TestUnixSockets(t *testing.T) {
	devicestest.CheckGoroutines(t)
	folder := t.TempDir()
	a := Address{Path: filepath.Join(folder, "s")}
	// What a killed process left.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.Path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()

	l, err := Listen(soon(t), a, nil, Options{Greeting: never})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Lstat(a.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info, err)
	}
	open(t, l, nil, hello)
	if o := accept(t, l); o.First != hello {
		t.Errorf("%+v", o.First)
	}
	if _, err := Listen(soon(t), a, nil, Options{}); err == nil || !strings.Contains(err.Error(), "another program listens") {
		t.Errorf("a second one: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(a.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if err := os.WriteFile(a.Path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(soon(t), a, nil, Options{}); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("over a file: %v", err)
	}
	if b, err := os.ReadFile(a.Path); err != nil || string(b) != "mine" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
