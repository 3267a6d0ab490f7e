package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/migrate/wire"
)

// clock is a clock for Controls that moves only when told.
type clock struct{ *devicestest.Clock }

func newClock() clock { return clock{devicestest.NewClock(time.Unix(0, 0))} }

func (c clock) after(d time.Duration, f func()) func() bool { return c.AfterFunc(d, f).Stop }

// armed waits until n calls were ever arranged.
func (c clock) armed(t testing.TB, n int) {
	t.Helper()
	devicestest.Eventually(t, "a timer", func() bool { return c.Armed() >= n })
}

// controlled is a Control of the target's end, and the source's bare one.
func controlled(t testing.TB, o ControlOptions) (*Control, *Conn) {
	t.Helper()
	source, target := connected(t, nil, nil)
	c := NewControl(target, o)
	t.Cleanup(func() { c.Close() })
	return c, source
}

func TestAliveIsSentEachSecond(t *testing.T) {
	devicestest.CheckGoroutines(t)
	k := newClock()
	_, peer := controlled(t, ControlOptions{Silence: time.Hour, After: k.after})
	for i := range 5 {
		k.armed(t, 2+2*i) // a reader's and this, and each time a write's and this
		k.Advance(time.Second)
		f, err := peer.Wire.Read()
		if err != nil || f.Type != wire.TypeAlive {
			t.Fatalf("%v, %v", f, err)
		}
	}
}

func TestSilenceOfThePeer(t *testing.T) {
	devicestest.CheckGoroutines(t)
	k := newClock()
	c, peer := controlled(t, ControlOptions{Alive: never, Silence: 5 * time.Second, After: k.after})
	ctx, cancel := c.Context(soon(t))
	defer cancel()
	// Any byte is a sign, and alive is one: four seconds at a time go by.
	for i := range 5 {
		k.armed(t, 2+i)
		k.Advance(4 * time.Second)
		if err := peer.Wire.WriteMessage(wire.Alive{}); err != nil {
			t.Fatal(err)
		}
	}
	k.armed(t, 7)
	if err := c.Err(); err != nil {
		t.Fatalf("it ended: %v", err)
	}
	k.Advance(5 * time.Second)
	if _, err := c.Read(soon(t)); !errors.Is(err, ErrSilent) {
		t.Errorf("%v", err)
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, ErrSilent) {
		t.Errorf("the context ended with %v", err)
	}
}

// A frame that comes in pieces is none that does not come.
func TestStallWithinAFrame(t *testing.T) {
	devicestest.CheckGoroutines(t)
	k := newClock()
	c, peer := controlled(t, ControlOptions{Alive: never, Silence: 5 * time.Second, After: k.after})
	var b strings.Builder
	w := wire.New(struct {
		io.Reader
		io.Writer
	}{nil, &b})
	if err := w.WriteMessage(wire.Ask{Session: session}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteMessage(wire.Prepared{Session: session}); err != nil {
		t.Fatal(err)
	}
	_, second, ok := strings.Cut(b.String(), string([]byte{byte(wire.TypePrepared), 0, 0, 0}))
	if !ok {
		t.Fatal("no second frame")
	}
	second = string([]byte{byte(wire.TypePrepared), 0, 0, 0}) + second
	for i := range len(second) {
		k.armed(t, 2+i)
		k.Advance(4 * time.Second)
		if _, err := io.WriteString(peer.Stream, second[i:i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := c.Read(soon(t)); err != nil || m != (wire.Prepared{Session: session}) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestPeerThatTakesNothing(t *testing.T) {
	devicestest.CheckGoroutines(t)
	k := newClock()
	a, b := net.Pipe()
	defer b.Close()
	c := NewControl(newConn(a), ControlOptions{Alive: never, Silence: 5 * time.Second, After: k.after})
	defer c.Close()
	k.armed(t, 2)
	wrote := make(chan error, 1)
	go func() { wrote <- c.Write(wire.State{Data: make([]byte, 1000)}) }()
	k.armed(t, 3)
	k.Advance(5 * time.Second)
	if err := <-wrote; !errors.Is(err, ErrStuck) {
		t.Errorf("%v", err)
	}
}

// What takes long in all, but goes on, is not stuck.
func TestSlowPeer(t *testing.T) {
	devicestest.CheckGoroutines(t)
	k := newClock()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	s := &stream{conn: a, watch: &watch{after: k.after, limit: 5 * time.Second}}
	wrote := make(chan error, 1)
	go func() {
		n, err := s.Write(make([]byte, 3*writePart))
		if n != 3*writePart {
			err = errors.Join(err, io.ErrShortWrite)
		}
		wrote <- err
	}()
	for i := range 3 {
		k.armed(t, 1+i)
		k.Advance(4 * time.Second)
		if _, err := io.ReadFull(b, make([]byte, writePart)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

func TestMessagesAreTheCallers(t *testing.T) {
	devicestest.CheckGoroutines(t)
	c, peer := controlled(t, ControlOptions{Alive: never, Silence: never})
	var parts []wire.Message
	for i := range byte(3) {
		if err := peer.Wire.WriteMessage(wire.State{Data: []byte{i, i}}); err != nil {
			t.Fatal(err)
		}
		if err := peer.Wire.WriteMessage(wire.Alive{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		m, err := c.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, m)
	}
	for i, m := range parts {
		if s, ok := m.(wire.State); !ok || s.Data[0] != byte(i) || s.Data[1] != byte(i) {
			t.Errorf("part %d is %+v", i, m)
		}
	}
	ctx, cancel := context.WithCancelCause(soon(t))
	stop := errors.New("stop")
	cancel(stop)
	if _, err := c.Read(ctx); err != stop {
		t.Errorf("%v", err)
	}
	if c.Err() != nil {
		t.Errorf("the end of a context ended the connection: %v", c.Err())
	}
}

func TestEndsOfTheConnection(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for name, c := range map[string]struct {
		does func(*Conn) error
		want error
	}{
		"half close": {func(p *Conn) error { return p.Stream.(*net.TCPConn).CloseWrite() }, io.EOF},
		"reset": {func(p *Conn) error {
			return errors.Join(p.Stream.(*net.TCPConn).SetLinger(0), p.Close())
		}, syscall.ECONNRESET},
		"cancel":     {func(p *Conn) error { return p.Wire.WriteMessage(wire.Cancel{}) }, ErrCancelled},
		"memory":     {func(p *Conn) error { return p.Wire.Write(wire.TypeMemory, make([]byte, 100)) }, wire.ErrUnexpected},
		"no frame":   {func(p *Conn) error { _, err := p.Stream.Write(make([]byte, wire.HeaderSize)); return err }, wire.ErrChecksum},
		"no message": {func(p *Conn) error { return p.Wire.Write(wire.TypePaused, []byte{0xa0}) }, wire.ErrMessage},
	} {
		t.Run(name, func(t *testing.T) {
			control, peer := controlled(t, ControlOptions{Alive: never, Silence: never})
			if err := c.does(peer); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if m, err := control.Read(soon(t)); !errors.Is(err, c.want) {
					t.Errorf("%v, %v; want %v", m, err, c.want)
				}
			}
			if name != "half close" {
				return
			}
			// The other half still works.
			if err := control.Write(hello); err != nil {
				t.Error(err)
			}
			if f, err := peer.Wire.Read(); err != nil || f.Type != wire.TypeHello {
				t.Errorf("%v, %v", f, err)
			}
		})
	}
}

// A side that gives up is understood, with plain connections and with TLS, though it closes
// at once, and though it has not read all.
func TestReasonsArrive(t *testing.T) {
	devicestest.CheckGoroutines(t)
	folder := authorityAt(t)
	for name, config := range map[string][2]*tls.Config{
		"plain": {},
		"TLS":   {mustClient(t, filesOf(folder, "source"), "127.0.0.1"), mustServer(t, filesOf(folder, "target"))},
	} {
		t.Run(name, func(t *testing.T) {
			source, target := connected(t, config[0], config[1])
			a, b := NewControl(source, ControlOptions{Alive: never, Silence: never}), NewControl(target, ControlOptions{Alive: never, Silence: never})
			defer a.Close()
			defer b.Close()
			for range 20 {
				if err := a.Write(wire.Paused{Epoch: 1}); err != nil {
					t.Fatal(err)
				}
			}
			failed := make(chan error, 1)
			go func() {
				failed <- errors.Join(b.Write(wire.Error{Phase: "copying", Text: "no room\nat all"}), b.Close())
			}()
			var peer *PeerError
			if _, err := a.Read(soon(t)); !errors.As(err, &peer) || *peer != (PeerError{"copying", "no room; at all"}) {
				t.Errorf("%v", err)
			}
			if err := a.Close(); err != nil {
				t.Error(err)
			}
			if err := <-failed; err != nil {
				t.Error(err)
			}
			if _, err := b.Read(soon(t)); err == nil {
				t.Error("read after the close")
			}
		})
	}
}

// A write that fails after the other side gave up says why that did.
func TestWriteAfterThePeerGaveUp(t *testing.T) {
	devicestest.CheckGoroutines(t)
	c, peer := controlled(t, ControlOptions{Alive: never, Silence: never})
	if err := peer.Wire.WriteMessage(wire.Error{Phase: "holding", Text: "no such disk"}); err != nil {
		t.Fatal(err)
	}
	peer.Close()
	var gone *PeerError
	devicestest.Eventually(t, "a write to fail", func() bool { return errors.As(c.Write(wire.Paused{}), &gone) })
	if gone == nil || gone.Text != "no such disk" {
		t.Errorf("%v", gone)
	}
}

// A peer that neither reads nor closes holds Close up no longer than Linger.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	devicestest.CheckGoroutines(t)
	c, _ := controlled(t, ControlOptions{Alive: time.Millisecond, Silence: never, Linger: 10 * time.Millisecond})
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
