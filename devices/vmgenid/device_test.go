package vmgenid

import (
	"bytes"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/mem"
)

const addr mem.Addr = 0xfe000

var (
	firstID  = ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	secondID = ID{0xff, 0xee, 15: 0xdd}
)

func newMemory(t testing.TB) *mem.Guest {
	t.Helper()
	g, err := mem.New(mem.Options{Size: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func newDevice(t testing.TB, c Config) *Device {
	t.Helper()
	if c.Memory == nil {
		c.Memory = newMemory(t)
	}
	if c.Addr == 0 {
		c.Addr = addr
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// wantMemory holds that id is in memory, and nothing around it.
func wantMemory(t *testing.T, g *mem.Guest, at mem.Addr, id ID) {
	t.Helper()
	got := make([]byte, 48)
	if err := g.ReadAt(got, at-16); err != nil {
		t.Fatal(err)
	}
	if want := append(append(make([]byte, 16), id[:]...), make([]byte, 16)...); !bytes.Equal(got, want) {
		t.Errorf("memory is %x, want %x", got, want)
	}
}

func TestConforms(t *testing.T) {
	devicestest.Conform(t, func(t *testing.T) (devices.Device, func()) {
		return newDevice(t, Config{ID: firstID}), func() {}
	})
}

func TestGuestReadsTheIDAndIsToldOfANewOne(t *testing.T) {
	g := newMemory(t)
	told := 0
	var d *Device
	d = newDevice(t, Config{Memory: g, ID: firstID, Notify: func() {
		told++
		wantMemory(t, g, addr, d.ID()) // it is there before the guest looks
	}})
	wantMemory(t, g, addr, firstID)
	if told != 0 {
		t.Error("the guest was told of its first ID")
	}
	if err := d.Renew(secondID); err != nil {
		t.Fatal(err)
	}
	wantMemory(t, g, addr, secondID)
	if told != 1 || d.ID() != secondID {
		t.Errorf("told %d times; the ID is %x", told, d.ID())
	}
}

func TestTheZeroIDLeavesMemoryAlone(t *testing.T) {
	g := newMemory(t)
	if err := g.WriteAt(secondID[:], addr); err != nil {
		t.Fatal(err)
	}
	newDevice(t, Config{Memory: g})
	wantMemory(t, g, addr, secondID)
}

func TestAddressesWhereNoIDCanBe(t *testing.T) {
	g := newMemory(t)
	for _, a := range []mem.Addr{addr + 4, 2 << 20, 2<<20 - 8, 1 << 40, ^mem.Addr(7)} {
		if _, err := New(Config{Memory: g, Addr: a, ID: firstID}); err == nil {
			t.Errorf("address %#x was taken", uint64(a))
		}
	}
}

func TestRenewingAMachineThatIsGone(t *testing.T) {
	g, err := mem.New(mem.Options{Size: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, Config{Memory: g, ID: firstID, Notify: func() { t.Error("the guest was told") }})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Renew(secondID); err == nil || d.ID() != firstID {
		t.Errorf("error %v; the ID is %x", err, d.ID())
	}
}
