package boot

import (
	"encoding/binary"
	"testing"

	"github.com/hullvm/hull/boot/boottest"
	"github.com/hullvm/hull/mem"
)

// walk translates an address the way the processor does in long mode (Intel SDM
// volume 3, 4.5), reading the tables from guest memory.
func walk(t testing.TB, g *mem.Guest, cr3, virtual uint64) (physical uint64, ok bool) {
	t.Helper()
	table := cr3
	for shift := 39; shift >= 12; shift -= 9 {
		e, err := g.Uint64(mem.Addr(table + virtual>>shift&0x1ff*8))
		if err != nil {
			t.Fatal(err)
		}
		if e&3 != 3 {
			return 0, false
		}
		if e&0x80 != 0 || shift == 12 {
			mask := uint64(1)<<shift - 1
			return e&^mask&^0xfff | virtual&mask, true
		}
		table = e &^ 0xfff
	}
	return 0, false
}

func TestIdentityMap(t *testing.T) {
	for name, test := range map[string]struct {
		giant bool
		end   uint64
	}{"2 MiB pages": {false, 4 << 30}, "1 GiB pages": {true, 512 << 30}} {
		m := newMachine(t, 64<<20, boottest.NewBzImage(4096).Bytes())
		m.GiantPages = test.giant
		s := load(t, m)
		for at := uint64(0x123); at < test.end; at += test.end/4096 - 0x1001 {
			if got, ok := walk(t, m.Memory, s.CR3, at); !ok || got != at {
				t.Fatalf("%s: %#x is mapped to %#x, %v", name, at, got, ok)
			}
		}
		if got, ok := walk(t, m.Memory, s.CR3, test.end-1); !ok || got != test.end-1 {
			t.Errorf("%s: the last byte is mapped to %#x, %v", name, got, ok)
		}
		if got, ok := walk(t, m.Memory, s.CR3, test.end); ok {
			t.Errorf("%s: %#x is mapped to %#x", name, test.end, got)
		}
	}
}

// The hidden part of each segment register is what loading its selector from the
// GDT gives.
func TestSegmentsAreThoseOfTheGDT(t *testing.T) {
	for _, p := range []Protocol{ELF, PVH} {
		m := newMachine(t, 64<<20, boottest.NewVMLinux(make([]byte, 4096), nil).Bytes())
		m.Protocol = p
		s := load(t, m)
		for name, segment := range map[string]Segment{"CS": s.CS, "DS": s.DS, "ES": s.ES, "SS": s.SS, "TR": s.TR} {
			if segment.Selector+7 > s.GDT.Limit {
				t.Errorf("%s: %s: selector %#x is past the limit %#x", p, name, segment.Selector, s.GDT.Limit)
			}
			b := read(t, m, mem.Addr(s.GDT.Base)+mem.Addr(segment.Selector), 8)
			if got := readDescriptor(binary.LittleEndian.Uint64(b), segment.Selector); got != segment {
				t.Errorf("%s: %s is %+v, its descriptor %+v", p, name, segment, got)
			}
		}
		if s.FS.Present != 0 || s.GS.Present != 0 || s.LDT.Present != 0 {
			t.Errorf("%s: FS, GS or LDT is there", p)
		}
	}
}

func TestDescriptors(t *testing.T) {
	long, data, task := segments(true)
	short, _, _ := segments(false)
	for name, test := range map[string]struct {
		s    Segment
		want uint64
	}{
		"64-bit code": {long, 0x00af9b000000ffff},
		"32-bit code": {short, 0x00cf9b000000ffff},
		"data":        {data, 0x00cf93000000ffff},
		"task":        {task, 0x00008b0000000067},
		"base":        {Segment{Base: 0x12345678, Limit: 0x9abcd, DPL: 3, AVL: 1}, 0x121960345678abcd},
	} {
		if got := test.s.descriptor(); got != test.want {
			t.Errorf("%s: %#016x, want %#016x", name, got, test.want)
		}
	}
}

// readDescriptor undoes descriptor.
func readDescriptor(d uint64, selector uint16) Segment {
	s := Segment{
		Selector: selector,
		Base:     d>>16&0xffffff | d>>56<<24,
		Limit:    uint32(d&0xffff | d>>32&0xf0000),
		Type:     uint8(d >> 40 & 0xf), S: uint8(d >> 44 & 1), DPL: uint8(d >> 45 & 3), Present: uint8(d >> 47 & 1),
		AVL: uint8(d >> 52 & 1), L: uint8(d >> 53 & 1), DB: uint8(d >> 54 & 1), G: uint8(d >> 55 & 1),
	}
	if s.G != 0 {
		s.Limit = s.Limit<<12 | 0xfff
	}
	return s
}
