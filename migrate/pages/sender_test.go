package pages

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/migrate/wire"
)

// toldBy is a sender with a target that says what a test has it say.
func toldBy(t *testing.T, target func(w *wire.Conn, c net.Conn)) *Sender {
	t.Helper()
	a, b := socketPairs(t, 2)
	s, err := NewSender(slotsOf(600), a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ended := make(chan struct{})
	t.Cleanup(func() { <-ended })
	go func() {
		defer close(ended)
		target(wire.New(b[1]), b[1])
	}()
	return s
}

func TestTargetsThatSayWhatTheyShouldNot(t *testing.T) {
	devicestest.CheckGoroutines(t)
	for name, test := range map[string]struct {
		target func(w *wire.Conn, c net.Conn)
		want   string
	}{
		"an end":                 {func(_ *wire.Conn, c net.Conn) { must(t, c.Close()) }, "connection 1: the target closed it"},
		"an epoch before it was": {func(w *wire.Conn, _ net.Conn) { must(t, w.WriteMessage(wire.EpochDone{Epoch: 7})) }, "connection 1: the target has epoch 7"},
		"something else":         {func(w *wire.Conn, _ net.Conn) { must(t, w.WriteMessage(wire.Cancel{})) }, "want epoch-done"},
		"an error":               {func(w *wire.Conn, _ net.Conn) { must(t, w.WriteMessage(wire.Error{Phase: "copying", Text: "no room"})) }, "connection 1: the target says: copying: no room"},
		"no frame":               {func(_ *wire.Conn, c net.Conn) { _, err := c.Write(make([]byte, 24)); must(t, err) }, "wrong checksum"},
	} {
		t.Run(name, func(t *testing.T) {
			s := toldBy(t, test.target)
			_, err := s.Pass(t.Context(), 1, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "send memory: epoch 1: ") {
				t.Errorf("error %v, want one that has %q", err, test.want)
			}
			if _, again := s.Pass(t.Context(), 2, nil); again == nil || !strings.Contains(again.Error(), test.want) {
				t.Errorf("the next pass is told %v", again)
			}
		})
	}
}

func TestAPassThatIsStopped(t *testing.T) {
	devicestest.CheckGoroutines(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	s := toldBy(t, func(w *wire.Conn, _ net.Conn) {
		f, err := w.Read() // the end of the epoch, which is never answered
		if err != nil || f.Type != wire.TypeEpochEnd {
			t.Errorf("%v, %v", f.Type, err)
		}
		cancel(errors.New("of a test"))
	})
	if _, err := s.Pass(ctx, 1, nil); err == nil || !strings.Contains(err.Error(), "it was stopped: of a test") {
		t.Errorf("error %v", err)
	}
	if _, err := s.Pass(t.Context(), 2, nil); err == nil || !strings.Contains(err.Error(), "it was stopped: of a test") {
		t.Errorf("error %v", err)
	}
}

// A target that reads nothing holds the pass, and does not hold its end.
func TestAPassThatIsStuckEnds(t *testing.T) {
	devicestest.CheckGoroutines(t)
	a, b := socketPairs(t, 1)
	defer b[0].Close()
	memory := slotsOf(4096)
	for i := range memory.bytes[0] {
		memory.bytes[0][i] = 1
	}
	reads := &reading{slots: memory, read: make(chan struct{}, 4096)}
	s, err := NewSender(reads, a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Pass(t.Context(), 1, nil)
		done <- err
	}()
	<-reads.read
	s.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("error %v", err)
	}
	s.Close()
}

// reading tells of each page that is read.
type reading struct {
	*slots
	read chan struct{}
}

func (r *reading) ReadAt(p []byte, a mem.Addr) error {
	r.read <- struct{}{}
	return r.slots.ReadAt(p, a)
}

func TestPassesThatAreRefused(t *testing.T) {
	m := moveOf(t, slotsOf(600), slotsOf(600), 2, Options{})
	refused := func(epoch uint32, size int64, want string) {
		t.Helper()
		set := setOf(t, 600*PageSize)
		if size != 0 {
			set = setOf(t, size)
		}
		if _, err := m.s.Pass(t.Context(), epoch, set); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	refused(0, 0, "not the one after 0")
	refused(2, 0, "not the one after 0")
	refused(1, PageSize, "a set of pages of 4096 bytes, and memory of 2457600")
	m.pass(t, 1, nil)
	refused(1, 0, "not the one after 1")
	refused(3, 0, "not the one after 1")
	if _, err := m.s.Pass(t.Context(), 2, nil); err == nil || !strings.Contains(err.Error(), "all of memory after the first") {
		t.Errorf("error %v", err)
	}
	m.pass(t, 2, setOf(t, 600*PageSize)) // none of these broke it
	if _, err := NewSender(slotsOf(1), make([]net.Conn, 1), Options{Compression: 7}); err == nil || !strings.Contains(err.Error(), "compression 7 is not known") {
		t.Errorf("error %v", err)
	}
}

func TestMemoryThatCanNotBeReadEndsTheSender(t *testing.T) {
	src := guestOf(t, 4<<20)
	m := moveOf(t, src, guestOf(t, 4<<20), 2, Options{})
	if err := src.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.s.Pass(t.Context(), 1, nil); !errors.Is(err, mem.ErrClosed) {
		t.Errorf("error %v", err)
	}
	if err := <-m.ran; err != nil && !strings.Contains(err.Error(), "the source closed it") {
		t.Errorf("error %v", err)
	}
}
