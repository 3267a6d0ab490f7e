package uart

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
)

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(t *testing.T) (devices.Device, func()) {
		u := New(Config{
			Name: "COM1", Base: base, Line: new(devicestest.Line),
			Clock: devicestest.NewClock(time.Unix(0, 0)),
		})
		return u, func() {
			if err := u.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAWideWriteReachesEachRegister(t *testing.T) {
	p := newPort(t)
	p.Bus().Write(base+regLCR, []byte{3, mcrOUT2, 0xff, 0xff})
	p.Expect("LCR", 3)
	p.Expect("MCR", mcrOUT2)
	p.Expect("LSR", lsrTHRE|lsrTEMT)
	p.Expect("MSR", msrCTS|msrDSR|msrDCD)
}

func TestInputFlowsAsTheGuestReads(t *testing.T) {
	p := newPort(t)
	text := strings.Repeat("0123456789abcdef", 1000)
	done := make(chan error, 1)
	go func() {
		n, err := io.WriteString(p.uart.Input(), text)
		if err == nil && n != len(text) {
			err = io.ErrShortWrite
		}
		done <- err
	}()
	p.start(2, ierERBFI)
	var got []byte
	devicestest.Eventually(t, "the text", func() bool {
		for p.Read("LSR")&lsrDR != 0 {
			got = append(got, byte(p.Read("RBR")))
		}
		return len(got) == len(text)
	})
	if string(got) != text {
		t.Error("the guest read something else")
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestInputWaitsUntilTheGuestListens(t *testing.T) {
	p := newPort(t)
	done := make(chan error, 1)
	go func() {
		_, err := p.uart.Write([]byte("typed early"))
		done <- err
	}()
	devicestest.Eventually(t, "the write to wait", func() bool {
		p.uart.mu.Lock()
		defer p.uart.mu.Unlock()
		return p.uart.input != nil
	})
	// What a driver does while it sets the port up throws away what is there.
	for range 3 {
		p.Write("FCR", fcrEnable|fcrResetRCVR|fcrResetXMIT)
		p.Write("FCR", 0)
		p.Read("RBR")
	}
	p.start(0, ierERBFI)
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, want := range "typed early" {
		p.Expect("RBR", uint64(want))
	}
}

func TestTwoInputsDoNotMix(t *testing.T) {
	p := newPort(t)
	p.start(0, 0)
	texts := []string{strings.Repeat("a", 100), strings.Repeat("b", 100)}
	done := make(chan error, len(texts))
	for _, text := range texts {
		go func() {
			_, err := p.uart.Write([]byte(text))
			done <- err
		}()
	}
	var got strings.Builder
	devicestest.Eventually(t, "both texts", func() bool {
		for p.Read("LSR")&lsrDR != 0 {
			got.WriteByte(byte(p.Read("RBR")))
		}
		return got.Len() == 200
	})
	if s := got.String(); s != texts[0]+texts[1] && s != texts[1]+texts[0] {
		t.Errorf("read %q", s)
	}
	for range texts {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestCloseEndsAWriteThatWaits(t *testing.T) {
	p := newPort(t)
	p.start(0, 0)
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := p.uart.Write(make([]byte, 100))
		done <- result{n, err}
	}()
	devicestest.Eventually(t, "the FIFO to fill", func() bool {
		p.uart.mu.Lock()
		defer p.uart.mu.Unlock()
		return p.uart.chip.rx.n == fifoSize
	})
	if err := p.uart.Close(); err != nil {
		t.Error(err)
	}
	if r := <-done; r.n != fifoSize || !errors.Is(r.err, devices.ErrClosed) {
		t.Errorf("write gave %d, %v", r.n, r.err)
	}
	if _, err := p.uart.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write after close gave %v", err)
	}
	if err := p.uart.Close(); err != nil {
		t.Errorf("second close gave %v", err)
	}
	p.Write("THR", 'x')
	p.Expect("LSR", lsrDR|lsrTHRE|lsrTEMT)
}

func TestPauseHoldsInputAndTimeout(t *testing.T) {
	p := newPort(t)
	p.start(2, ierERBFI)
	p.input("a")
	p.uart.Pause()
	if n := p.clock.Pending(); n != 0 {
		t.Errorf("%d timers run while paused", n)
	}
	done := make(chan error, 1)
	go func() {
		_, err := p.uart.Write([]byte("b"))
		done <- err
	}()
	p.clock.Advance(time.Second)
	p.wantLine(false)
	p.uart.Resume()
	if err := <-done; err != nil {
		t.Error(err)
	}
	p.clock.Advance(time.Second)
	p.wantLine(true)
	p.Expect("RBR", 'a')
	p.Expect("RBR", 'b')
}

func TestIdlePortArmsNothing(t *testing.T) {
	p := newPort(t)
	p.start(2, ierERBFI|ierETBEI|ierELSI|ierEDSSI)
	for range 100 {
		p.Read("IIR")
		p.Read("LSR")
		p.Write("THR", 'x')
	}
	if n := p.clock.Armed(); n != 0 {
		t.Errorf("%d timers were armed", n)
	}
}

func BenchmarkTransmit(b *testing.B) {
	u := New(Config{Name: "COM1", Base: base})
	defer u.Close()
	bus := devices.NewBus("ports", devices.PortLimit)
	if err := bus.Add(u.Regions()...); err != nil {
		b.Fatal(err)
	}
	p := []byte{'x'}
	b.ReportAllocs()
	b.SetBytes(1)
	for b.Loop() {
		bus.Write(base+regTHR, p)
	}
	if n := u.Lost(); n > 0 {
		b.Logf("%d bytes lost", n)
	}
}

// BenchmarkConsole is what a kernel's console does for each byte: wait for
// THRE, then send.
func BenchmarkConsole(b *testing.B) {
	u := New(Config{Name: "COM1", Base: base})
	defer u.Close()
	bus := devices.NewBus("ports", devices.PortLimit)
	if err := bus.Add(u.Regions()...); err != nil {
		b.Fatal(err)
	}
	p := []byte{0}
	b.ReportAllocs()
	b.SetBytes(1)
	for b.Loop() {
		for p[0] = 0; p[0]&lsrTHRE == 0; {
			bus.Read(base+regLSR, p)
		}
		p[0] = 'x'
		bus.Write(base+regTHR, p)
	}
	if n := u.Lost(); n > 0 {
		b.Errorf("%d bytes lost", n)
	}
}
