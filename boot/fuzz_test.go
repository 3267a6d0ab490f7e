package boot

import (
	"bytes"
	"testing"

	"github.com/hullvm/hull/boot/boottest"
	"github.com/hullvm/hull/mem"
)

// Whatever a kernel file holds, Load either refuses it or starts it inside its
// own memory, with nothing it placed over anything else.
func FuzzLoad(f *testing.F) {
	for _, p := range []uint8{0, 1, 2, 3} {
		f.Add(boottest.NewBzImage(2048).Bytes(), p, uint32(100), "quiet")
		f.Add(boottest.NewVMLinux(make([]byte, 64), make([]byte, 64)).Bytes(), p, uint32(5000), "")
		f.Add([]byte("\x7fELF"), p, uint32(0), "x")
	}
	odd := boottest.NewBzImage(2048)
	odd.PrefAddress, odd.InitrdAddrMax, odd.InitSize = 1<<64-1, 0, 1<<32-1
	f.Add(odd.Bytes(), uint8(0), uint32(1), "\x00")

	// One guest serves all: what an input writes is its own affair.
	const size = 40 << 20
	g, err := mem.New(mem.Options{Size: size, Overcommit: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = g.Close() })
	f.Fuzz(func(t *testing.T, kernel []byte, protocol uint8, initrd uint32, line string) {
		m := Machine{
			Memory:      g,
			APICIDs:     []uint32{0},
			Kernel:      file("kernel", kernel),
			Protocol:    []Protocol{Auto, BZImage, ELF, PVH}[protocol%4],
			CommandLine: line,
		}
		if initrd > 0 {
			m.Initrd = &File{Name: "initrd", Data: bytes.NewReader(make([]byte, initrd%8192)), Size: int64(initrd)}
		}
		s, err := Load(m)
		if err != nil {
			return
		}
		checkPlaced(t, m, s)
		k := placed(t, s, "kernel")
		if mem.Addr(s.RIP) < k.Addr || s.RIP >= uint64(k.Addr)+k.Size || k.Addr < mem.HighMemory {
			t.Errorf("entry %#x, kernel at %#x, %#x bytes", s.RIP, k.Addr, k.Size)
		}
	})
}
