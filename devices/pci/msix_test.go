package pci_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
)

// msixMachine is a function with vectors, its BAR mapped.
type msixMachine struct {
	*pcitest.Machine
	f       *pci.Function
	msix    *pci.MSIX
	vectors pcitest.Vectors
	space   pcitest.Space
	cap     int
	table   uint64
	pba     uint64
}

func newMSIX(t testing.TB, vectors int) *msixMachine {
	t.Helper()
	m := &msixMachine{f: newFunction("f")}
	addBAR(t, m.f, pci.BAR{Index: 2, Size: 0x10000, Regions: []devices.Region{region("r", 0, 0x100)}})
	var err error
	m.msix, err = m.f.AddMSIX(pci.MSIXConfig{Vectors: vectors, BAR: 2, TableOffset: 0x1000, PBAOffset: 0xf000, Maker: m.vectors.Make})
	if err != nil {
		t.Fatal(err)
	}
	m.Machine = pcitest.New(t, []*pci.Function{m.f})
	m.space = m.Slot(1)
	m.space.Command(pcitest.Memory, 0)
	m.cap = m.space.Find(t, pci.CapMSIX)
	bar := m.space.BAR(2)
	table, pba := m.space.Read(m.cap+4, 4), m.space.Read(m.cap+8, 4)
	if table&7 != 2 || pba&7 != 2 {
		t.Fatalf("tables are in BARs %d and %d", table&7, pba&7)
	}
	m.table, m.pba = bar+table&^7, bar+pba&^7
	return m
}

// control writes Message Control.
func (m *msixMachine) control(v uint64) { m.space.Write(m.cap+2, 2, v) }

const (
	enable       = 1 << 15
	functionMask = 1 << 14
)

func (m *msixMachine) entry(i int, addr, data, control uint64) {
	at := m.table + uint64(16*i)
	pcitest.Write(m.Memory, at, 4, addr)
	pcitest.Write(m.Memory, at+4, 4, addr>>32)
	pcitest.Write(m.Memory, at+8, 4, data)
	pcitest.Write(m.Memory, at+12, 4, control)
}

func (m *msixMachine) expect(t *testing.T, step string, i int, want ...string) {
	t.Helper()
	if got := m.vectors.At(i).Calls(); strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("%s: vector %d was told %q, want %q", step, i, got, want)
	}
}

func TestMSIXStartsMaskedAndDisabled(t *testing.T) {
	m := newMSIX(t, 70)
	if got := m.space.Read(m.cap+2, 2); got != 69 {
		t.Errorf("Message Control is %#x", got)
	}
	for i := range 70 {
		if lo, hi := pcitest.Read(m.Memory, m.table+uint64(16*i), 8), pcitest.Read(m.Memory, m.table+uint64(16*i+8), 8); lo != 0 || hi != 1<<32 {
			t.Fatalf("entry %d is %#x %#x", i, lo, hi)
		}
	}
	if got := pcitest.Read(m.Memory, m.pba, 8); got != 0 {
		t.Errorf("PBA is %#x", got)
	}
	if m.msix.Enabled() || m.msix.Len() != 70 {
		t.Errorf("enabled %v, %d vectors", m.msix.Enabled(), m.msix.Len())
	}
	// Size and tables are read-only.
	m.space.Write(m.cap+2, 2, 0x3fff)
	m.space.Write(m.cap+4, 8, ^uint64(0))
	if c, table := m.space.Read(m.cap+2, 2), m.space.Read(m.cap+4, 4); c != 69 || table != 0x1002 {
		t.Errorf("Message Control is %#x, Table %#x", c, table)
	}
}

// The order is the one in which Linux does it.
func TestMSIXMessagesReachVectorsWhenUnmasked(t *testing.T) {
	m := newMSIX(t, 2)
	m.control(enable | functionMask)
	m.entry(0, 0xfee01000, 0x41, 1)
	m.entry(1, 0x1_fee02000, 0x42, 0)
	m.expect(t, "written", 0)
	m.expect(t, "written", 1)
	if !m.msix.Enabled() {
		t.Error("it is not enabled")
	}
	m.control(enable)
	m.expect(t, "function unmasked", 0)
	m.expect(t, "function unmasked", 1, "set 0x1fee02000 0x42", "unmask")
	m.entry(0, 0xfee01000, 0x41, 0)
	m.expect(t, "unmasked", 0, "set 0xfee01000 0x41", "unmask")

	m.entry(0, 0xfee01000, 0x41, 0)
	m.expect(t, "written again", 0)
	pcitest.Write(m.Memory, m.table+8, 4, 0x55)
	m.expect(t, "data while unmasked", 0, "set 0xfee01000 0x55")
	pcitest.Write(m.Memory, m.table+12, 4, 1)
	m.expect(t, "masked", 0, "mask")
	pcitest.Write(m.Memory, m.table+8, 4, 0x56)
	m.expect(t, "data while masked", 0)
	m.control(enable | functionMask)
	m.expect(t, "function masked", 0)
	m.expect(t, "function masked", 1, "mask")
	pcitest.Write(m.Memory, m.table+12, 4, 0)
	m.expect(t, "unmasked under the function's", 0)
	m.control(enable)
	m.expect(t, "function unmasked again", 0, "set 0xfee01000 0x56", "unmask")
	m.expect(t, "function unmasked again", 1, "unmask")
	m.space.Write(m.cap+3, 1, 0)
	m.expect(t, "disabled by its upper byte", 0, "mask")
	if m.msix.Enabled() {
		t.Error("it is enabled")
	}
}

func TestMSIXPendingBitsAreThoseOfTheVectors(t *testing.T) {
	m := newMSIX(t, 70)
	m.control(enable)
	for _, i := range []int{0, 9, 63, 64, 69} {
		m.msix.Vector(i).Raise()
	}
	for _, test := range []struct {
		off   uint64
		width int
		want  uint64
	}{{0, 8, 1 | 1<<9 | 1<<63}, {8, 8, 1 | 1<<5}, {0, 1, 1}, {1, 2, 2}, {7, 2, 0x2180}} {
		if got := pcitest.Read(m.Memory, m.pba+test.off, test.width); got != test.want {
			t.Errorf("%d bytes at %d of the PBA are %#x, want %#x", test.width, test.off, got, test.want)
		}
	}
	pcitest.Write(m.Memory, m.pba, 8, 0)
	m.entry(9, 0xfee00000, 9, 0)
	if got := m.vectors.At(9).Sent(); fmt.Sprint(got) != "[{4276092928 9}]" {
		t.Errorf("sent %v", got)
	}
	if got := pcitest.Read(m.Memory, m.pba, 8); got != 1|1<<63 {
		t.Errorf("PBA is %#x after unmasking", got)
	}
}

func TestMSIXTableTakesOddWidths(t *testing.T) {
	m := newMSIX(t, 3)
	m.control(enable)
	pcitest.Write(m.Memory, m.table+16, 8, 0x0000_0001_fee0_1004)
	pcitest.Write(m.Memory, m.table+24, 2, 0x1234)
	pcitest.Write(m.Memory, m.table+27, 1, 0x56)
	// Data of one and control of it, with the reserved bits.
	pcitest.Write(m.Memory, m.table+28, 4, 0xfffffffe)
	m.expect(t, "odd widths", 1, "set 0x1fee01004 0x56001234", "unmask")
	if got := pcitest.Read(m.Memory, m.table+26, 8); got != 0x5600 {
		t.Errorf("across entries reads %#x", got)
	}
	// Control of entry 1 and the address of entry 2.
	pcitest.Write(m.Memory, m.table+28, 8, 0xfee0_2000_0000_0001)
	m.expect(t, "across entries", 1, "mask")
	pcitest.Write(m.Memory, m.table+44, 1, 0)
	m.expect(t, "unmasked", 2, "set 0xfee02000 0x0", "unmask")
}

func TestMSIXVectorThatRefusesStaysMasked(t *testing.T) {
	m := newMSIX(t, 1)
	m.control(enable)
	v := m.vectors.At(0)
	v.Fail(errors.New("no route"))
	m.entry(0, 0xfee00000, 1, 0)
	m.expect(t, "refused", 0, "set 0xfee00000 0x1")
	if m.msix.Failed() != 1 {
		t.Errorf("%d failed", m.msix.Failed())
	}
	v.Fail(nil)
	m.entry(0, 0xfee00000, 2, 0)
	m.expect(t, "tried again", 0, "set 0xfee00000 0x1", "unmask", "set 0xfee00000 0x2")
	v.Fail(errors.New("no route"))
	pcitest.Write(m.Memory, m.table+8, 4, 3)
	m.expect(t, "refused while unmasked", 0, "set 0xfee00000 0x3", "mask")
}

func TestMSIXUnderConcurrentWrites(t *testing.T) {
	m := newMSIX(t, 4)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 500 {
				switch (i + g) % 5 {
				case 0:
					m.control(enable | uint64(i%2)<<14)
				case 1:
					m.control(0)
				case 2:
					m.entry(i%4, uint64(i), uint64(g), uint64(i/4%2))
				case 3:
					m.msix.Vector(i % 4).Raise()
				case 4:
					pcitest.Read(m.Memory, m.pba, 8)
				}
			}
		})
	}
	all.Wait()
	m.control(enable)
	for i := range 4 {
		m.entry(i, 0xfee00000, uint64(i), uint64(i%2))
		if msg, masked := m.vectors.At(i).State(); masked != (i%2 == 1) || !masked && msg.Data != uint32(i) {
			t.Errorf("vector %d has %v, masked %v", i, msg, masked)
		}
	}
}

func TestMSIXEndsWithTheFunction(t *testing.T) {
	m := newMSIX(t, 3)
	m.control(enable)
	m.entry(0, 1, 1, 0)
	for range 2 {
		if err := m.f.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := m.vectors.Open(); n != 0 {
		t.Errorf("%d vectors are open", n)
	}
	m.control(0)
	m.control(enable)
	if m.msix.Enabled() {
		t.Error("it was enabled after close")
	}
	if !m.f.WriteBAR(2, 0x1000+12, []byte{1}) || !m.f.ReadBAR(2, 0xf000, make([]byte, 8)) {
		t.Error("the BAR is gone")
	}
}

func TestMSIXThatCannotBe(t *testing.T) {
	var vectors pcitest.Vectors
	vectors.FailAt = 2
	for want, c := range map[string]pci.MSIXConfig{
		"0 vectors":             {},
		"2049 vectors":          {Vectors: 2049},
		"BAR 1: there is no":    {Vectors: 1, BAR: 1},
		"multiples of 8":        {Vectors: 1, TableOffset: 4},
		"pass the limit 0x1000": {Vectors: 1, TableOffset: 0xff8, PBAOffset: 0x800},
		"overlaps region":       {Vectors: 3, TableOffset: 0, PBAOffset: 0x28},
		"no more vectors":       {Vectors: 3, PBAOffset: 0x800},
	} {
		f := newFunction("f")
		addBAR(t, f, pci.BAR{Index: 0, Size: 0x1000})
		c.Maker = vectors.Make
		_, err := f.AddMSIX(c)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `PCI function "f": add MSI-X: `) {
			t.Errorf("%+v: error %v, want one that has %q", c, err, want)
		}
	}
	if n := vectors.Open(); n != 0 {
		t.Errorf("%d vectors are open", n)
	}
}
