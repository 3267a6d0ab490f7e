package pci

import (
	"testing"

	"github.com/hullvm/hull/devices/pci/pcitest"
)

// testWindow accesses the BAR by configuration space alone.
type testWindow struct {
	g  *guest
	at int
}

func (w testWindow) aim(bar, offset, length uint64) {
	w.g.space.Write(w.at+4, 1, bar)
	w.g.space.Write(w.at+8, 4, offset)
	w.g.space.Write(w.at+12, 4, length)
}

func (w testWindow) read(offset uint64, width int) uint64 {
	w.aim(0, offset, uint64(width))
	return w.g.space.Read(w.at+16, width)
}

func (w testWindow) write(offset uint64, width int, v uint64) {
	w.aim(0, offset, uint64(width))
	w.g.space.Write(w.at+16, width, v)
}

func newWindow(t *testing.T) testWindow {
	g := newGuest(t, newFake(), nil) // decode stays off
	g.find()
	return testWindow{g, g.structures[typeWindow].cap}
}

func TestWindowReachesTheBARWhereItIsNotMapped(t *testing.T) {
	w := newWindow(t)
	if got := w.read(regNumQueues, 2); got != 2 {
		t.Errorf("num_queues is %#x", got)
	}
	w.write(regDeviceStatus, 1, 1)
	w.write(regDeviceStatus, 1, driven)
	if got := w.read(regDeviceStatus, 1); got != driven {
		t.Errorf("device_status is %#x", got)
	}
	w.write(regQueueSelect, 2, 1)
	w.write(regQueueDesc, 4, 0x1000)
	w.write(regQueueDesc+4, 4, 1)
	if lo, hi := w.read(regQueueDesc, 4), w.read(regQueueDesc+4, 4); lo != 0x1000 || hi != 1 {
		t.Errorf("queue_desc is %#x %#x", hi, lo)
	}
	w.write(notifyOffset+4, 2, 1)
	if n, err := w.g.transport.kicks[1].event.Take(); n != 1 || err != nil {
		t.Errorf("%d kicks, error %v", n, err)
	}
	w.write(configOffset, 4, 0x12345678)
	if got := w.read(configOffset+1, 1); got != 0x56 {
		t.Errorf("configuration is %#x", got)
	}
	w.write(tableOffset, 4, 0xfee00000)
	if got := w.read(tableOffset, 4); got != 0xfee00000 {
		t.Errorf("table is %#x", got)
	}
	// An access that begins before the data, and ends in it.
	w.aim(1, 0, 0)
	w.g.space.Write(w.at+16, 4, 0)
	w.aim(0, regNumQueues, 2)
	if got := w.g.space.Read(w.at+12, 8); got != 0x2_0000_0002 {
		t.Errorf("length and data are %#x", got)
	}
}

func TestWindowOnNothingDoesNothing(t *testing.T) {
	for name, s := range map[string][3]uint64{
		"another BAR":       {1, 0, 4},
		"no BAR":            {0xff, 0, 4},
		"no length":         {0, configOffset, 0},
		"a length of three": {0, configOffset, 3},
		"a length of eight": {0, configOffset, 8},
		"a length of 2^31":  {0, configOffset, 1 << 31},
		"off the grid":      {0, configOffset + 2, 4},
		"past the BAR":      {0, 0x8000, 4},
		"at the end of all": {0, 0xfffffffc, 4},
		"at the very end":   {0, 0xffffffff, 1},
	} {
		w := newWindow(t)
		w.write(configOffset, 4, 0x11111111)
		w.aim(s[0], s[1], s[2])
		w.g.space.Write(w.at+16, 4, 0x22222222)
		if got := w.g.space.Read(w.at+16, 4); got != 0x22222222 {
			t.Errorf("%s: reads %#x", name, got)
		}
		if got := w.read(configOffset, 4); got != 0x11111111 {
			t.Errorf("%s: wrote %#x", name, got)
		}
	}
}

// Whatever the width and wherever it begins, an access is answered, and bytes
// outside the registers are 0.
func TestOddAccessesAreAbsorbed(t *testing.T) {
	g := newGuest(t, &loopback{sizes: []uint16{16}}, nil).open()
	base := g.space.BAR(0)
	for off := uint64(0); off < 0x8000; off += 1 + off/0x40%2*0x3f {
		for width := 1; width <= 8; width++ {
			pcitest.Read(g.Memory, base+off, width)
			pcitest.Write(g.Memory, base+off, width, ^uint64(0)>>(off%64))
		}
	}
	g.write("device_status", 0)
	for _, test := range []struct {
		off   uint64
		width int
		want  uint64
	}{
		{regNumQueues, 1, 1},
		{regConfigMSIXVector, 8, 0x0000_0000_0001_ffff | uint64(pcitest.Read(g.Memory, base+regConfigGeneration, 1))<<40},
		{regQueueSize + 1, 2, 0xff00},
		{regQueueReset, 8, 0},
		{0x100, 8, 0},
	} {
		if got := pcitest.Read(g.Memory, base+test.off, test.width); got != test.want {
			t.Errorf("read of %d at %#x gave %#x, want %#x", test.width, test.off, got, test.want)
		}
	}
}
