package uart

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/writebehind"
)

// sink keeps what is written and counts the writes. While held, writes wait.
type sink struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	writes int
	err    error
	hold   sync.Mutex
	begun  atomic.Int64 // writes, those that wait among them
}

func (s *sink) Write(p []byte) (int, error) {
	s.begun.Add(1)
	s.hold.Lock()
	defer s.hold.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.writes++
	return s.buf.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *sink) Len() int { return len(s.String()) }

func TestOutputArrivesInOrder(t *testing.T) {
	p := newPort(t)
	p.start(0, 0)
	text := strings.Repeat("the quick brown fox\n", 500)
	for i := range len(text) {
		p.Write("THR", uint64(text[i]))
	}
	if err := p.uart.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	if p.out.String() != text {
		t.Errorf("%d bytes arrived, or not the same", p.out.Len())
	}
}

func TestFirstByteGoesOutByItself(t *testing.T) {
	p := newPort(t)
	p.Write("THR", 'x')
	devicestest.Eventually(t, "one byte", func() bool { return p.out.String() == "x" })
}

func TestStuckOutputHoldsTheGuestBackAndLosesNothing(t *testing.T) {
	p := newPort(t)
	p.start(0, ierETBEI)
	p.out.hold.Lock()
	sent := 0
	send := func() {
		p.Write("THR", uint64(byte(sent)))
		sent++
	}
	// A patient guest sends sixteen bytes whenever THRE says so.
	for p.Read("LSR")&lsrTHRE != 0 {
		for range fifoSize {
			send()
		}
		if sent > 3*writebehind.Size {
			t.Fatal("the guest is never held back")
		}
	}
	p.Expect("LSR", 0)
	p.Expect("IIR", iirFIFOs|iirNone)
	p.wantLine(false)
	// One that loses patience still has some room.
	for range 1000 {
		send()
	}
	p.Expect("LSR", 0)
	p.out.hold.Unlock()
	devicestest.Eventually(t, "the interrupt", p.line.Level)
	p.Expect("LSR", lsrTHRE|lsrTEMT)
	p.Expect("IIR", iirFIFOs|iirTHREmpty)
	if err := p.uart.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	want := make([]byte, sent)
	for i := range want {
		want[i] = byte(i)
	}
	if p.out.String() != string(want) {
		t.Errorf("%d of %d bytes arrived, or not the same", p.out.Len(), sent)
	}
	if n := p.uart.Lost(); n != 0 {
		t.Errorf("%d bytes counted as lost", n)
	}
}

func TestHeedlessGuestLosesBytesThatAreCounted(t *testing.T) {
	p := newPort(t)
	p.out.hold.Lock()
	for range 3 * writebehind.Size {
		p.Write("THR", 'x')
	}
	p.out.hold.Unlock()
	if err := p.uart.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	if got := p.uart.Lost() + uint64(p.out.Len()); got != 3*writebehind.Size || p.uart.Lost() == 0 {
		t.Errorf("%d lost, %d written, sent %d", p.uart.Lost(), p.out.Len(), 3*writebehind.Size)
	}
}

func TestRoomMadeWhilePausedIsToldOnResume(t *testing.T) {
	p := newPort(t)
	p.start(0, ierETBEI)
	p.out.hold.Lock()
	for p.Read("LSR")&lsrTHRE != 0 {
		p.Write("THR", 'x')
	}
	p.uart.Pause()
	p.line.Transitions()
	p.out.hold.Unlock()
	if err := p.uart.Drain(time.Minute); err != nil { // output goes on
		t.Error(err)
	}
	p.Expect("LSR", 0)
	p.wantLine(false)
	p.uart.Resume()
	p.wantLine(true)
	p.Expect("LSR", lsrTHRE|lsrTEMT)
}

func TestFailedOutputIsNotUsedAgain(t *testing.T) {
	p := newPort(t)
	if err := p.uart.OutputErr(); err != nil {
		t.Error(err)
	}
	p.out.err = io.ErrUnexpectedEOF
	p.Write("THR", 'x')
	devicestest.Eventually(t, "the failure", func() bool { return p.uart.OutputErr() != nil })
	if err := p.uart.OutputErr(); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), `uart "COM1": write output: `) {
		t.Errorf("error is %v", err)
	}
	p.out.mu.Lock()
	p.out.err = nil
	p.out.mu.Unlock()
	for range 2 * writebehind.Size {
		p.Write("THR", 'y')
	}
	p.Expect("LSR", lsrTHRE|lsrTEMT)
	if err := p.uart.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	if p.out.writes != 0 {
		t.Errorf("it was written to %d times after it failed", p.out.writes)
	}
}

func TestOutputThatFailsWhileFullLetsTheGuestGoOn(t *testing.T) {
	p := newPort(t)
	p.start(0, ierETBEI)
	p.out.hold.Lock()
	for p.Read("LSR")&lsrTHRE != 0 {
		p.Write("THR", 'x')
	}
	p.out.mu.Lock()
	p.out.err = io.ErrUnexpectedEOF
	p.out.mu.Unlock()
	p.out.hold.Unlock()
	devicestest.Eventually(t, "room", p.line.Level)
	p.Expect("LSR", lsrTHRE|lsrTEMT)
}

// short is a writer that breaks its contract.
type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) - 1, nil }

func TestShortWriteIsAFailure(t *testing.T) {
	devicestest.CheckGoroutines(t)
	u := New(Config{Name: "COM1", Base: base, Output: short{}})
	u.Regions()[0].Handler.Write(regTHR, []byte{'x'})
	devicestest.Eventually(t, "the failure", func() bool { return errors.Is(u.OutputErr(), io.ErrShortWrite) })
	if err := u.Close(); err != nil {
		t.Error(err)
	}
}

func TestDrainSaysWhoDidNotAnswer(t *testing.T) {
	p := newPort(t)
	p.out.hold.Lock()
	for range 5 {
		p.Write("THR", 'x')
	}
	err := p.uart.Drain(time.Millisecond)
	if err == nil || err.Error() != `uart "COM1": drain: its output has not taken 5 bytes within 1ms` {
		t.Errorf("error is %v", err)
	}
	p.out.hold.Unlock()
	if err := p.uart.Drain(time.Minute); err != nil {
		t.Error(err)
	}
}

func TestCloseSaysWhoDidNotAnswerAndEndsLater(t *testing.T) {
	p := newPort(t)
	p.out.hold.Lock()
	p.Write("THR", 'x')
	devicestest.Eventually(t, "the write", func() bool { return p.out.begun.Load() == 1 })
	armed := p.clock.Armed()
	closed := make(chan error)
	go func() { closed <- p.uart.Close() }()
	devicestest.Eventually(t, "the wait", func() bool { return p.clock.Armed() > armed })
	p.clock.Advance(closeDeadline)
	if err := <-closed; err == nil || !strings.Contains(err.Error(), `uart "COM1": close: `) {
		t.Errorf("error is %v", err)
	}
	p.out.hold.Unlock()
	if err := p.uart.Close(); err != nil {
		t.Error(err)
	}
}

// A stream must not cost one wake-up for each byte.
func TestStreamIsWrittenInBatches(t *testing.T) {
	p := newPort(t)
	const n = 20_000
	for range n {
		p.Write("THR", 'x')
	}
	if err := p.uart.Drain(time.Minute); err != nil {
		t.Error(err)
	}
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	if p.out.writes > n/10 {
		t.Errorf("%d bytes took %d writes", n, p.out.writes)
	}
}
