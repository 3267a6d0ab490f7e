package uart

import (
	"errors"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/vmstate"
	"github.com/hullvm/hull/vmstate/vmstatetest"
)

// busy is a paused port with characters received, an overrun and an interrupt
// for each.
func busy(t testing.TB) *port {
	t.Helper()
	p := newPort(t)
	p.start(3, ierERBFI|ierETBEI|ierELSI|ierEDSSI)
	p.Write("SCR", 0x5a)
	p.input("abcde")
	p.Expect("RBR", 'a')
	p.Expect("RBR", 'b')
	p.uart.Pause()
	return p
}

func TestPortIsKept(t *testing.T) {
	p, fresh := busy(t), newPort(t)
	vmstatetest.Golden(t, "v1-receiving", false, p.uart, fresh.uart)
	for _, name := range []string{"LCR", "MCR", "IER", "SCR", "IIR", "LSR", "MSR"} {
		if was, is := p.Read(name), fresh.Read(name); was != is {
			t.Errorf("register %s is %#x, want %#x", name, is, was)
		}
	}
	for _, want := range "cdee" { // the last of them again: nothing is left
		fresh.Expect("RBR", uint64(want))
	}
	fresh.Write("LCR", lcrDLAB)
	fresh.Expect("DLL", 1)
}

func TestEmptyReceiverReadsAsBefore(t *testing.T) {
	p := newPort(t)
	p.start(0, 0)
	p.input("xy")
	p.Read("RBR")
	p.Read("RBR")
	p.uart.Pause()
	fresh := newPort(t)
	vmstatetest.RoundTrip(t, p.uart, fresh.uart)
	fresh.Expect("RBR", 'y')
}

// An interrupt that waits when the port is saved is the only one that the guest
// will ever get for it.
func TestPendingInterruptsAreKeptWithoutAnEdge(t *testing.T) {
	for name, test := range map[string]struct {
		ier    uint64
		before func(p *port)
		iir    uint64
	}{
		"transmitter empty": {ierETBEI, func(p *port) { p.Write("THR", 'x') }, iirTHREmpty},
		"data":              {ierERBFI, func(p *port) { p.input("0123456789abcd") }, iirDataReady},
		"character timeout": {ierERBFI, func(p *port) { p.input("a"); p.clock.Advance(time.Second) }, iirTimeout},
		"overrun": {ierELSI, func(p *port) {
			p.Write("MCR", mcrOUT2|mcrLOOP)
			for range fifoSize + 1 {
				p.Write("THR", 'x')
			}
			p.Write("MCR", mcrOUT2)
		}, iirLineStatus},
		"modem": {ierEDSSI, func(p *port) {
			p.Write("MCR", mcrOUT2|mcrLOOP)
			p.Write("MCR", mcrOUT2)
		}, iirModemStatus},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPort(t)
			p.start(3, test.ier)
			test.before(p)
			p.wantLine(true)
			p.uart.Pause()
			fresh := newPort(t)
			vmstatetest.RoundTrip(t, p.uart, fresh.uart)
			fresh.wantLine(true)
			if n, r := fresh.line.Rises(), fresh.line.Restored(); n != 0 || r != 1 {
				t.Errorf("%d edges and %d restores, want none and 1", n, r)
			}
			fresh.uart.Resume()
			fresh.Expect("IIR", test.iir|iirFIFOs)
		})
	}
}

func TestCharacterTimeoutBeginsAnew(t *testing.T) {
	p := newPort(t)
	p.start(3, ierERBFI)
	p.input("a")
	p.uart.Pause()
	fresh := newPort(t)
	vmstatetest.RoundTrip(t, p.uart, fresh.uart)
	fresh.clock.Advance(time.Second)
	fresh.wantLine(false)
	fresh.uart.Resume()
	fresh.wantLine(false)
	fresh.clock.Advance(time.Second)
	fresh.wantLine(true)
	fresh.Expect("IIR", iirTimeout|iirFIFOs)
}

// A guest that was told to wait for room is told that there is some: it has no
// other way to learn that its port's output is another one.
func TestAGuestThatWaitsForRoomIsWoken(t *testing.T) {
	p := newPort(t)
	p.start(0, ierETBEI)
	p.uart.Pause()
	p.uart.mu.Lock()
	p.uart.chip.write(regTHR, 'x')
	p.uart.chip.transmitted(true)
	p.uart.driveLocked()
	p.uart.mu.Unlock()
	fresh := newPort(t)
	vmstatetest.RoundTrip(t, p.uart, fresh.uart)
	fresh.wantLine(false)
	fresh.Expect("LSR", 0)
	fresh.uart.Resume()
	fresh.wantLine(true)
	if n := fresh.line.Rises(); n != 1 {
		t.Errorf("%d edges, want 1", n)
	}
	fresh.Expect("LSR", lsrTHRE|lsrTEMT)
}

func TestStatesOfNoPortAreRefused(t *testing.T) {
	for name, change := range map[string]func(*state){
		"IER":             func(s *state) { s.IER = 1 << 4 },
		"FCR":             func(s *state) { s.FCR = fcrEnable | fcrResetRCVR },
		"a trigger alone": func(s *state) { s.FCR = fcrTrigger },
		"MCR":             func(s *state) { s.MCR = 1 << 5 },
		"LSR":             func(s *state) { s.LSR |= lsrDR },
		"MSR":             func(s *state) { s.MSR = msrCTS },
		"MSR in loopback": func(s *state) { s.MCR = mcrLOOP },
		"two bytes in no FIFO": func(s *state) {
			s.FCR, s.Received = 0, []byte{1, 2}
		},
		"17 bytes in a FIFO":              func(s *state) { s.Received = make([]byte, fifoSize+1) },
		"an interrupt before it is empty": func(s *state) { s.LSR, s.THRPending = 0, true },
		"a timeout of nothing":            func(s *state) { s.TimedOut = true },
		"a timeout without a FIFO": func(s *state) {
			s.FCR, s.Received, s.TimedOut = 0, []byte{1}, true
		},
	} {
		s := state{FCR: fcrEnable, LSR: lsrTHRE, MSR: msrCTS | msrDSR | msrDCD}
		change(&s)
		saved := vmstate.New()
		if err := saved.Out("uart").Put(stateVersion, s); err != nil {
			t.Fatal(err)
		}
		p := newPort(t)
		before := vmstatetest.Bytes(t, p.uart)
		if err := p.uart.Load(saved.In("uart")); !errors.Is(err, vmstate.ErrBadState) {
			t.Errorf("%s: error %v, want ErrBadState", name, err)
		}
		if string(before) != string(vmstatetest.Bytes(t, p.uart)) || p.line.Restored() != 0 {
			t.Errorf("%s: it was refused and has changed something", name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	fresh := func() devices.Device {
		return New(Config{Name: "COM1", Base: base, Clock: devicestest.NewClock(time.Unix(0, 0))})
	}
	u := New(Config{Name: "COM1", Base: base})
	defer u.Close()
	devicestest.FuzzLoad(f, fresh, u, busy(f).uart)
}
