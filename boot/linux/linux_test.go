package linux

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/boot/boottest"
	"github.com/hullvm/hull/mem"
)

var update = flag.Bool("update", false, "rewrite the zero pages in testdata")

func open(b []byte) (*BzImage, error) { return OpenBzImage(bytes.NewReader(b), int64(len(b))) }

func TestZeroPagesAreThoseInTestdata(t *testing.T) {
	image, err := open(boottest.NewBzImage(4096).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	memory := []MemoryRange{
		{Addr: 0, Size: 0x9fc00, Kind: E820RAM},
		{Addr: mem.HighMemory, Size: 3<<30 - 1<<20, Kind: E820RAM},
		{Addr: mem.HighRAM, Size: 1 << 40, Kind: E820RAM},
	}
	for name, z := range map[string]ZeroPage{
		"bzimage": {
			Kernel: image, CommandLine: mem.CommandLine, Initrd: 0x1_2345_6000, InitrdSize: 0x1_0000_0001,
			RSDP: mem.ACPITables, Memory: memory,
		},
		"vmlinux": {CommandLine: mem.CommandLine, RSDP: mem.ACPITables, Memory: memory[:2]},
	} {
		got, err := z.Encode()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".zeropage")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if len(got) != len(want) || got[i] != want[i] {
				t.Errorf("%s: %d bytes, first differs from %s at %#x", name, len(got), path, i)
				break
			}
		}
	}
}

func TestMemoryMapHasALimit(t *testing.T) {
	z := ZeroPage{Memory: make([]MemoryRange, 128)}
	if b, err := z.Encode(); err != nil || b[0x1e8] != 128 {
		t.Errorf("128 entries: %v", err)
	}
	z.Memory = make([]MemoryRange, 129)
	if _, err := z.Encode(); err == nil {
		t.Error("129 entries were accepted")
	}
}

func TestOtherFilesAreNotBzImages(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"zeros":         make([]byte, 4096),
		"no magic":      bytes.Replace(boottest.NewBzImage(64).Bytes(), []byte("HdrS"), []byte("HdrX"), 1),
		"half a header": boottest.NewBzImage(64).Bytes()[:0x28f],
	} {
		if _, err := open(b); !errors.Is(err, ErrNotBzImage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzBzImage(f *testing.F) {
	good := boottest.NewBzImage(1024)
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:2000])
	odd := good
	odd.PrefAddress, odd.Alignment, odd.InitSize = 1<<64-1<<20, 1<<30, 1<<32-1
	f.Add(odd.Bytes())
	old := good
	old.Version, old.SetupSects, old.HeaderEnd = 0x204, 0, 0x230
	f.Add(old.Bytes())
	g, err := mem.New(mem.Options{Size: 32 << 20, Overcommit: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = g.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		image, err := open(b)
		if err != nil {
			return
		}
		first, size := image.Extent()
		if uint64(first)+size < size || size <= entry64 || uint64(len(b)) < image.size {
			t.Fatalf("extent %#x, %#x bytes, of a file of %d", first, size, len(b))
		}
		if e := image.Entry(); e < first || uint64(e-first) >= size {
			t.Errorf("entry %#x, extent %#x, %#x bytes", e, first, size)
		}
		err = image.Load(g)
		if ok := g.Contains(first, image.size); ok != (err == nil) {
			t.Errorf("loaded at %#x, %d bytes, RAM: %v, error %v", first, image.size, ok, err)
		}
		page, err := (&ZeroPage{Kernel: image}).Encode()
		if err != nil || len(page) != mem.ZeroPageSize || page[0x1ef] != 0 {
			t.Errorf("zero page of %d bytes, sentinel %#x, %v", len(page), page[0x1ef], err)
		}
	})
}
