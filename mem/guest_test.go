package mem

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func newTestGuest(t testing.TB, o Options) *Guest {
	t.Helper()
	g, err := New(o)
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

// twoRegions is a guest whose regions do not touch, and small enough to look at
// every byte of it.
func twoRegions(t testing.TB) *Guest {
	t.Helper()
	g, err := newGuest(Options{}, []extent{{0, 2 * PageSize}, {4 * PageSize, PageSize}, {5 * PageSize, PageSize}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

func TestLayoutLeavesTheDeviceHole(t *testing.T) {
	for _, test := range []struct {
		size uint64
		want []extent
	}{
		{PageSize, []extent{{0, PageSize}}},
		{3 << 30, []extent{{0, 3 << 30}}},
		{3<<30 + PageSize, []extent{{0, 3 << 30}, {4 << 30, PageSize}}},
		{6 << 30, []extent{{0, 3 << 30}, {4 << 30, 3 << 30}}},
		{MaxSize, []extent{{0, 3 << 30}, {4 << 30, MaxSize - 3<<30}}},
	} {
		got := layout(test.size)
		if len(got) != len(test.want) {
			t.Errorf("layout(%#x) = %v, want %v", test.size, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("layout(%#x)[%d] = %v, want %v", test.size, i, got[i], test.want[i])
			}
		}
	}
}

// The fixed places of the map must neither overlap nor reach out of the room
// they say they have.
func TestFixedPlacesDoNotOverlap(t *testing.T) {
	places := []struct {
		name       string
		addr, size uint64
	}{
		{"BootGDT", uint64(BootGDT), BootGDTSize},
		{"PVHStartInfo", uint64(PVHStartInfo), PVHStartInfoSize},
		{"ZeroPage", uint64(ZeroPage), ZeroPageSize},
		{"BootStack", uint64(BootStack), BootStackSize},
		{"BootPageTables", uint64(BootPageTables), BootPageTablesSize},
		{"CommandLine", uint64(CommandLine), CommandLineSize},
		{"EBDA", uint64(EBDA), EBDASize},
		{"LegacyHole", uint64(LegacyHole), LegacyHoleSize},
		{"ACPITables", uint64(ACPITables), ACPITablesSize},
		{"GenerationID", uint64(GenerationID), GenerationIDSize},
		{"ACPIFACS", uint64(ACPIFACS), ACPIFACSSize},
		{"HighMemory", uint64(HighMemory), 0},
		{"PCIWindow32", uint64(PCIWindow32), PCIWindow32Size},
		{"PCIECAM", uint64(PCIECAM), PCIECAMSize},
		{"IOAPIC", uint64(IOAPIC), IOAPICSize},
		{"LocalAPIC", uint64(LocalAPIC), LocalAPICSize},
		{"KVMIdentityMap", uint64(KVMIdentityMap), KVMIdentityMapSize},
		{"KVMTSS", uint64(KVMTSS), KVMTSSSize},
		{"HighRAM", uint64(HighRAM), 0},
	}
	for i, p := range places[:len(places)-1] {
		if next := places[i+1]; p.addr+p.size > next.addr {
			t.Errorf("%s ends at %#x, past the start of %s at %#x", p.name, p.addr+p.size, next.name, next.addr)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		o    Options
		want string
	}{
		"no size":                {Options{}, "size 0"},
		"half a page":            {Options{Size: PageSize + 1}, "not a multiple"},
		"half a huge page":       {Options{Size: 3 << 20, HugePageSize: HugePage2M}, "not a multiple"},
		"an unknown huge page":   {Options{Size: 1 << 30, HugePageSize: 4 << 20}, "huge page size"},
		"two kinds of huge page": {Options{Size: 2 << 20, HugePageSize: HugePage2M, THP: true}, "choose one"},
		"too much":               {Options{Size: MaxSize + PageSize, Overcommit: true}, "the most is"},
		"more than the host has": {Options{Size: MaxSize}, "the host has"},
	} {
		g, err := New(test.o)
		if err == nil {
			g.Close()
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %q does not say %q", name, err, test.want)
		}
	}
}

func TestNothingIsTouchedAtStart(t *testing.T) {
	before := residentPages(t)
	g := newTestGuest(t, Options{Size: 1 << 30, Overcommit: true})
	if err := g.PutUint64(0x1234, 1); err != nil {
		t.Fatal(err)
	}
	// A tenth of the guest's memory is far above what the runtime may have
	// grown by meanwhile, and far below what touching it all would cost.
	if grown := residentPages(t) - before; grown > (1<<30)/PageSize/10 {
		t.Errorf("resident memory grew by %d pages for a guest that touched one", grown)
	}
}

func residentPages(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAccessesAreWholeOrNotAtAll(t *testing.T) {
	g := twoRegions(t)
	full := bytes.Repeat([]byte{0xaa}, 6*PageSize)
	for _, test := range []struct {
		a   Addr
		n   int
		bad Addr // first address that is no RAM; 0 where all is well
	}{
		{0, 2 * PageSize, 0},
		{4 * PageSize, 2 * PageSize, 0}, // two regions that touch
		{5*PageSize - 4, 8, 0},
		{2*PageSize - 4, 8, 2 * PageSize},
		{2 * PageSize, 1, 2 * PageSize},
		{6*PageSize - 1, 2, 6 * PageSize},
		{^Addr(0), 1, ^Addr(0)},
		{^Addr(0) - 3, 8, ^Addr(0) - 3},
	} {
		if err := g.Zero(0, 2*PageSize); err != nil {
			t.Fatal(err)
		}
		err := g.WriteAt(full[:test.n], test.a)
		p := make([]byte, test.n)
		rerr := g.ReadAt(p, test.a)
		if test.bad == 0 {
			if err != nil || rerr != nil || !bytes.Equal(p, full[:test.n]) {
				t.Errorf("%d bytes at %#x: write %v, read %v", test.n, test.a, err, rerr)
			}
			continue
		}
		for _, err := range []error{err, rerr, g.Zero(test.a, uint64(test.n))} {
			var access *AccessError
			if !errors.As(err, &access) || !errors.Is(err, ErrNotRAM) || access.Bad != test.bad {
				t.Errorf("%d bytes at %#x: %v, want the first bad address %#x", test.n, test.a, err, test.bad)
			}
		}
		if b, err := g.Uint8(2*PageSize - 1); err != nil || b != 0 {
			t.Errorf("%d bytes at %#x: a refused write left %#x behind (%v)", test.n, test.a, b, err)
		}
	}
}

func TestWordsAreLittleEndian(t *testing.T) {
	g := twoRegions(t)
	if err := g.WriteAt([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3); err != nil {
		t.Fatal(err)
	}
	v8, _ := g.Uint8(3)
	v16, _ := g.Uint16(3)
	v32, _ := g.Uint32(3)
	v64, err := g.Uint64(3)
	if err != nil || v8 != 1 || v16 != 0x0201 || v32 != 0x04030201 || v64 != 0x0807060504030201 {
		t.Errorf("got %#x %#x %#x %#x, %v", v8, v16, v32, v64, err)
	}
	for _, put := range []error{g.PutUint8(0x100, 1), g.PutUint16(0x101, 0x0302), g.PutUint32(0x103, 0x07060504), g.PutUint64(0x107, 0x0f0e0d0c0b0a0908)} {
		if put != nil {
			t.Error(put)
		}
	}
	p := make([]byte, 15)
	if err := g.ReadAt(p, 0x100); err != nil || !bytes.Equal(p, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}) {
		t.Errorf("wrote % x, %v", p, err)
	}
}

func TestAtomicWords(t *testing.T) {
	g := twoRegions(t)
	if err := errors.Join(g.StoreUint16(2, 0xbeef), g.StoreUint32(4, 0xdeadbeef)); err != nil {
		t.Fatal(err)
	}
	v16, err16 := g.LoadUint16(2)
	v32, err32 := g.LoadUint32(4)
	if v16 != 0xbeef || v32 != 0xdeadbeef || err16 != nil || err32 != nil {
		t.Errorf("loaded %#x, %v and %#x, %v", v16, err16, v32, err32)
	}
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"odd 16-bit":       {g.StoreUint16(1, 0), ErrUnaligned},
		"unaligned 32-bit": {g.StoreUint32(2, 0), ErrUnaligned},
		"in the hole":      {g.StoreUint32(2*PageSize, 0), ErrNotRAM},
		"at the end":       {g.StoreUint16(6*PageSize, 0), ErrNotRAM},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
}

func TestCopiesStopWhereTheSourceDoes(t *testing.T) {
	g := twoRegions(t)
	err := g.CopyFrom(strings.NewReader("hello"), 4*PageSize, 10)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "after 5 bytes") {
		t.Errorf("short source: %v", err)
	}
	if err := g.CopyFromAt(strings.NewReader("0123456789"), 3, 5*PageSize-2, 4); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := g.CopyTo(&out, 5*PageSize-2, 4); err != nil || out.String() != "3456" {
		t.Errorf("copied %q, %v", out.String(), err)
	}
	if err := g.CopyTo(&out, 2*PageSize-1, 2); !errors.Is(err, ErrNotRAM) {
		t.Errorf("into the hole: %v", err)
	}
	if err := g.CopyFromAt(strings.NewReader("x"), -1, 0, 1); err == nil {
		t.Error("a negative offset was accepted")
	}
}

func TestSharedMemoryIsSealed(t *testing.T) {
	g := newTestGuest(t, Options{Size: 1 << 20, Shared: true})
	slot := g.Slots()[0]
	if err := unix.Ftruncate(slot.FD, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("shrink: %v, want %v", err, unix.EPERM)
	}
	if err := g.PutUint8(0x1000, 42); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 1)
	if _, err := unix.Pread(slot.FD, p, slot.Offset+0x1000); err != nil || p[0] != 42 {
		t.Errorf("another mapping sees %d, %v", p[0], err)
	}
}

func TestSlotsCoverTheMemfdWithoutGaps(t *testing.T) {
	g := newTestGuest(t, Options{Size: 4 << 30, Shared: true, Overcommit: true})
	var offset int64
	for i, s := range g.Slots() {
		if s.ID != i || s.Offset != offset || s.Host%HugePage2M != 0 {
			t.Errorf("slot %d: %+v, want offset %#x and a host address of 2 MiB alignment", i, s, offset)
		}
		offset += int64(s.Size)
	}
	if uint64(offset) != g.Size() {
		t.Errorf("slots hold %#x bytes of %#x", offset, g.Size())
	}
}

func TestClosedMemoryRefusesEveryAccess(t *testing.T) {
	g := twoRegions(t)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"read":  g.ReadAt(make([]byte, 1), 0),
		"write": g.WriteAt([]byte{1}, 0),
		"zero":  g.Zero(0, 1),
		"store": g.StoreUint32(0, 1),
		"copy":  g.CopyTo(io.Discard, 0, 1),
		"log":   g.StartDirtyLog(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v, want %v", name, err, ErrClosed)
		}
	}
	if err := g.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// An access may race with Close; it must then fail or succeed, and never fault.
func TestCloseDuringAccess(t *testing.T) {
	for range 50 {
		g, err := New(Options{Size: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for g.PutUint64(0x8000, 1) == nil {
				}
			})
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

func TestHugePageShortageSaysWhatToDo(t *testing.T) {
	root := t.TempDir()
	dir := root + "/hugepages-2048kB"
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"free_hugepages": "5\n", "resv_hugepages": "2\n", "nr_hugepages": "8\n"} {
		if err := os.WriteFile(dir+"/"+name, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := hugePageShortage(root, 20<<20, HugePage2M)
	if want := "10 pages of 2 MiB needed, 3 free; as root: echo 15 > " + dir + "/nr_hugepages"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := hugePageShortage(root, 1<<30, HugePage1G); !strings.Contains(got, "no pages of 1 GiB") {
		t.Errorf("for a size the host lacks: %q", got)
	}
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 bytes", 1: "1 bytes", 1024: "1 KiB", 1 << 20: "1 MiB", 3 << 29: "1536 MiB", 1 << 40: "1 TiB", 1<<30 + 1: "1073741825 bytes"} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d) = %q, want %q", n, got, want)
		}
	}
}
