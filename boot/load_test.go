package boot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hullvm/hull/boot/acpi"
	"github.com/hullvm/hull/boot/boottest"
	"github.com/hullvm/hull/mem"
)

func newMemory(t testing.TB, size uint64) *mem.Guest {
	t.Helper()
	g, err := mem.New(mem.Options{Size: size, Overcommit: true})
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

func file(name string, b []byte) File {
	return File{Name: name, Data: bytes.NewReader(b), Size: int64(len(b))}
}

// sparse is a file of zeros with a few bytes in front.
type sparse struct {
	head []byte
	size int64
}

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	if off >= s.size {
		return 0, io.EOF
	}
	clear(p)
	if off < int64(len(s.head)) {
		copy(p, s.head[off:])
	}
	if left := s.size - off; int64(len(p)) > left {
		return int(left), io.EOF
	}
	return len(p), nil
}

func sparseFile(name string, size int64) *File {
	return &File{Name: name, Data: sparse{size: size}, Size: size}
}

func newMachine(t testing.TB, size uint64, kernel []byte) Machine {
	return Machine{
		Memory:      newMemory(t, size),
		APICIDs:     []uint32{0, 1},
		Kernel:      file("vmlinuz", kernel),
		CommandLine: "console=ttyS0",
		Devices: []Device{
			{Name: "COM1", Kind: Serial, Addr: 0x3f8, Size: 8, Interrupt: 4},
			{Name: "RTC", Kind: RTC, Addr: 0x70, Size: 2, Interrupt: 8},
			{Name: "PEVT", Kind: PVPanic, Addr: 0x505, Size: 1},
		},
	}
}

func load(t testing.TB, m Machine) Start {
	t.Helper()
	s, err := Load(m)
	if err != nil {
		t.Fatal(err)
	}
	checkPlaced(t, m, s)
	return s
}

// checkPlaced holds the list of what is where against the rules for it.
func checkPlaced(t testing.TB, m Machine, s Start) {
	t.Helper()
	for i, r := range s.Placed {
		if r.Size == 0 || !m.Memory.Contains(r.Addr, r.Size) {
			t.Errorf("%s at %#x, %d bytes: not in RAM", r.Name, r.Addr, r.Size)
		}
		if i > 0 {
			if before := s.Placed[i-1]; before.Addr+mem.Addr(before.Size) > r.Addr {
				t.Errorf("%s at %#x lies over %s at %#x", r.Name, r.Addr, before.Name, before.Addr)
			}
		}
	}
}

func placed(t testing.TB, s Start, name string) Range {
	t.Helper()
	for _, r := range s.Placed {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("nothing placed as %q", name)
	return Range{}
}

func read(t testing.TB, m Machine, a mem.Addr, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if err := m.Memory.ReadAt(b, a); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBzImageStartsAtItsLongModeEntry(t *testing.T) {
	k := boottest.NewBzImage(8192)
	m := newMachine(t, 64<<20, k.Bytes())
	initrd := bytes.Repeat([]byte("initrd!"), 1000)
	f := file("initrd.img", initrd)
	m.Initrd = &f
	s := load(t, m)

	if s.Protocol != BZImage || s.RIP != 16<<20+0x200 || s.RSI != uint64(mem.ZeroPage) || s.RFLAGS != 2 {
		t.Errorf("start %+v", s)
	}
	if !bytes.Equal(read(t, m, 16<<20, 8192), k.Kernel) {
		t.Error("the kernel in memory is not that in the file")
	}
	at := placed(t, s, "initrd")
	if want := mem.Addr(64<<20-7000) &^ 0xfff; at.Addr != want {
		t.Errorf("initrd at %#x, want %#x", at.Addr, want)
	}
	if !bytes.Equal(read(t, m, at.Addr, len(initrd)), initrd) {
		t.Error("the initrd in memory is not that in the file")
	}
	if got := read(t, m, mem.CommandLine, len(m.CommandLine)+1); string(got) != m.CommandLine+"\x00" {
		t.Errorf("command line %q", got)
	}

	zero := read(t, m, mem.ZeroPage, mem.ZeroPageSize)
	le := binary.LittleEndian
	for _, field := range []struct {
		name string
		got  uint64
		want uint64
	}{
		{"type_of_loader", uint64(zero[0x210]), 0xff},
		{"loadflags", uint64(zero[0x211]), 1},
		{"sentinel", uint64(zero[0x1ef]), 0},
		{"boot_flag", uint64(le.Uint16(zero[0x1fe:])), 0xaa55},
		{"version", uint64(le.Uint16(zero[0x206:])), 0x20f},
		{"vid_mode", uint64(le.Uint16(zero[0x1fa:])), 0xffff},
		{"code32_start", uint64(le.Uint32(zero[0x214:])), 16 << 20},
		{"ramdisk_image", uint64(le.Uint32(zero[0x218:])), uint64(at.Addr)},
		{"ramdisk_size", uint64(le.Uint32(zero[0x21c:])), uint64(len(initrd))},
		{"ext_ramdisk_image", uint64(le.Uint32(zero[0xc0:])), 0},
		{"cmd_line_ptr", uint64(le.Uint32(zero[0x228:])), uint64(mem.CommandLine)},
		{"acpi_rsdp_addr", le.Uint64(zero[0x70:]), uint64(mem.ACPITables)},
		{"alt_mem_k", uint64(le.Uint32(zero[0x1e0:])), 63 << 10},
		{"init_size", uint64(le.Uint32(zero[0x260:])), 4 << 20},
	} {
		if field.got != field.want {
			t.Errorf("%s is %#x, want %#x", field.name, field.got, field.want)
		}
	}
	if string(read(t, m, mem.ACPITables, 8)) != "RSD PTR " || string(read(t, m, mem.ACPIFACS, 4)) != "FACS" {
		t.Error("the ACPI tables are not where they belong")
	}
}

func TestSetupDataOfTheFileIsNotFollowed(t *testing.T) {
	k := boottest.NewBzImage(8192)
	k.SetupData = 0xfee00000
	m := newMachine(t, 64<<20, k.Bytes())
	load(t, m)
	if v, err := m.Memory.Uint64(mem.ZeroPage + 0x250); v != 0 || err != nil {
		t.Errorf("setup_data is %#x, %v", v, err)
	}
}

func TestELFStartsAtItsPhysicalEntry(t *testing.T) {
	code, data := bytes.Repeat([]byte{0x90}, 4096), bytes.Repeat([]byte{0xda}, 5000)
	physical := boottest.NewVMLinux(code, data)
	virtual := physical
	virtual.Entry = 0xffffffff81000000
	for name, k := range map[string]boottest.ELF{"physical": physical, "virtual": virtual} {
		m := newMachine(t, 64<<20, k.Bytes())
		s := load(t, m)
		if s.Protocol != ELF || s.RIP != 16<<20 || s.RSI != uint64(mem.ZeroPage) || s.EFER == 0 {
			t.Errorf("%s entry: start %+v", name, s)
		}
		if !bytes.Equal(read(t, m, 16<<20, len(code)), code) || !bytes.Equal(read(t, m, 18<<20, len(data)), data) {
			t.Errorf("%s entry: the kernel in memory is not that in the file", name)
		}
		if r := placed(t, s, "kernel"); r.Addr != 16<<20 || r.Size != 3<<20 {
			t.Errorf("%s entry: kernel at %#x, %#x bytes", name, r.Addr, r.Size)
		}
		zero := read(t, m, mem.ZeroPage, mem.ZeroPageSize)
		if string(zero[0x202:0x206]) != "HdrS" || zero[0x210] != 0xff {
			t.Errorf("%s entry: setup header %x", name, zero[0x1f1:0x268])
		}
	}
}

func TestPVHStartsInProtectedMode(t *testing.T) {
	m := newMachine(t, 5<<30, boottest.NewVMLinux(make([]byte, 4096), nil).Bytes())
	m.Protocol = PVH
	m.Initrd = sparseFile("initrd", 12345)
	s := load(t, m)
	if s.Protocol != PVH || s.RIP != 16<<20+0x10 || s.RBX != uint64(mem.PVHStartInfo) || s.RSI != 0 {
		t.Errorf("start %+v", s)
	}
	if s.CR0 != 0x11 || s.CR3 != 0 || s.CR4 != 0 || s.EFER != 0 || s.CS.L != 0 || s.CS.DB != 1 || s.CS.Limit != 0xffffffff {
		t.Errorf("not flat protected mode: %+v", s)
	}
	le := binary.LittleEndian
	info := read(t, m, mem.PVHStartInfo, mem.PVHStartInfoSize)
	if le.Uint32(info) != 0x336ec578 || le.Uint32(info[4:]) != 1 || le.Uint32(info[12:]) != 1 ||
		le.Uint64(info[24:]) != uint64(mem.CommandLine) || le.Uint64(info[32:]) != uint64(mem.ACPITables) {
		t.Errorf("start info %x", info[:56])
	}
	module := info[le.Uint64(info[16:])-uint64(mem.PVHStartInfo):]
	if r := placed(t, s, "initrd"); le.Uint64(module) != uint64(r.Addr) || le.Uint64(module[8:]) != r.Size {
		t.Errorf("module %x, initrd at %#x", module[:32], r.Addr)
	}
	memmap := info[le.Uint64(info[40:])-uint64(mem.PVHStartInfo):]
	var ram uint64
	for range le.Uint32(info[48:]) {
		if le.Uint32(memmap[16:]) == 1 {
			ram += le.Uint64(memmap[8:])
		}
		memmap = memmap[24:]
	}
	if want := uint64(5<<30 - 1<<20 + 0x9fc00); ram != want {
		t.Errorf("%d bytes of RAM in the map, want %d", ram, want)
	}
}

func TestAutoTakesTheEntryThatFits(t *testing.T) {
	linux := boottest.NewVMLinux(make([]byte, 4096), nil)
	note := func(notes ...[]byte) boottest.ELF {
		k := boottest.NewVMLinux(make([]byte, 4096), nil)
		k.Segments[2].Data = bytes.Join(notes, nil)
		return k
	}
	entry := boottest.Note("Xen", 18, []byte{0x20, 0, 0, 1})
	low := note(entry)
	for i := range low.Segments {
		low.Segments[i].Virtual = low.Segments[i].Addr
	}
	for name, test := range map[string]struct {
		k    []byte
		want Protocol
	}{
		"bzImage":                       {boottest.NewBzImage(4096).Bytes(), BZImage},
		"Linux":                         {linux.Bytes(), ELF},
		"Linux, older":                  {note(entry, boottest.Note("Linux", 0x100, nil)).Bytes(), ELF},
		"Linux, no note says so":        {note(entry).Bytes(), ELF},
		"Linux without PVH":             {note().Bytes(), ELF},
		"another kernel":                {note(boottest.Note("Xen", 6, []byte("FreeBSD")), entry).Bytes(), PVH},
		"another kernel, of no name":    {low.Bytes(), PVH},
		"another kernel and no PVH":     {note(boottest.Note("Xen", 6, []byte("FreeBSD"))).Bytes(), ELF},
		"another kernel, notes reverse": {note(entry, boottest.Note("Xen", 6, []byte("FreeBSD"))).Bytes(), PVH},
	} {
		for _, p := range []Protocol{"", Auto} {
			m := newMachine(t, 64<<20, test.k)
			m.Protocol = p
			if s := load(t, m); s.Protocol != test.want {
				t.Errorf("%s: protocol %s, want %s", name, s.Protocol, test.want)
			}
		}
	}
}

func TestBzImageIsLoadedWhereItRuns(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*boottest.BzImage)
		want   mem.Addr
	}{
		"preferred":                 {func(*boottest.BzImage) {}, 16 << 20},
		"preferred, not aligned":    {func(k *boottest.BzImage) { k.PrefAddress = 17 << 20 }, 18 << 20},
		"preferred below 1 MiB":     {func(k *boottest.BzImage) { k.PrefAddress = 0 }, 2 << 20},
		"fixed":                     {func(k *boottest.BzImage) { k.Relocatable = false; k.PrefAddress = 17 << 20 }, 17 << 20},
		"fixed, no alignment":       {func(k *boottest.BzImage) { k.Relocatable = false; k.Alignment = 0 }, 16 << 20},
		"setup_sects of 0":          {func(k *boottest.BzImage) { k.SetupSects = 0 }, 16 << 20},
		"the largest setup":         {func(k *boottest.BzImage) { k.SetupSects = 255 }, 16 << 20},
		"init_size below its bytes": {func(k *boottest.BzImage) { k.InitSize = 0 }, 16 << 20},
		"the first with xloadflags": {func(k *boottest.BzImage) { k.Version = 0x20c; k.HeaderEnd = 0x268 }, 16 << 20},
		"the longest header":        {func(k *boottest.BzImage) { k.HeaderEnd = 0x290 }, 16 << 20},
	} {
		k := boottest.NewBzImage(4096)
		test.change(&k)
		m := newMachine(t, 64<<20, k.Bytes())
		s := load(t, m)
		if s.RIP != uint64(test.want)+0x200 || !bytes.Equal(read(t, m, test.want, 4096), k.Kernel) {
			t.Errorf("%s: entry %#x, want the kernel at %#x", name, s.RIP, test.want)
		}
	}
}

func TestInitrdGoesAsHighAsItMay(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for name, test := range map[string]struct {
		memory uint64
		size   int64
		change func(*boottest.BzImage)
		want   mem.Addr
	}{
		"to the end of RAM":            {64 * mib, 4096, nil, 64*mib - 4096},
		"to a page":                    {64 * mib, 4097, nil, 64*mib - 8192},
		"up to its limit":              {3 * gib, mib, nil, 2*gib - mib},
		"filling all above the kernel": {64 * mib, 44 * mib, nil, 20 * mib},
		"below the kernel":             {64 * mib, 4096, func(k *boottest.BzImage) { k.InitrdAddrMax = 16*mib - 1 }, 16*mib - 4096},
		"filling all below the kernel": {64 * mib, 15 * mib, func(k *boottest.BzImage) { k.InitrdAddrMax = 16*mib - 1 }, mib},
		"below a limit amid a page":    {64 * mib, 4096, func(k *boottest.BzImage) { k.InitrdAddrMax = 32*mib + 100 }, 32*mib - 4096},
		"above 4 GiB":                  {5 * gib, 4096, func(k *boottest.BzImage) { k.InitrdAddrMax = mib }, 6*gib - 4096},
	} {
		t.Run(name, func(t *testing.T) {
			k := boottest.NewBzImage(4096)
			if test.change != nil {
				test.change(&k)
			}
			m := newMachine(t, test.memory, k.Bytes())
			m.Initrd = sparseFile("initrd", test.size)
			s := load(t, m)
			if r := placed(t, s, "initrd"); r.Addr != test.want {
				t.Errorf("initrd at %#x, want %#x", r.Addr, test.want)
			}
			le := binary.LittleEndian
			zero := read(t, m, mem.ZeroPage, mem.ZeroPageSize)
			got := uint64(le.Uint32(zero[0x218:])) | uint64(le.Uint32(zero[0xc0:]))<<32
			if got != uint64(test.want) {
				t.Errorf("the zero page has it at %#x", got)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	const mib = 1 << 20
	bz := func(change func(*boottest.BzImage)) []byte {
		k := boottest.NewBzImage(4096)
		change(&k)
		return k.Bytes()
	}
	vm := func(change func(*boottest.ELF)) []byte {
		k := boottest.NewVMLinux(make([]byte, 4096), make([]byte, 4096))
		change(&k)
		return k.Bytes()
	}
	good := func(*boottest.BzImage) {}
	for name, test := range map[string]struct {
		kernel []byte
		change func(*Machine)
		want   string
	}{
		"an empty kernel":            {nil, nil, `kernel "vmlinuz": 0 bytes: the file is empty`},
		"no kernel":                  {nil, func(m *Machine) { m.Kernel.Data = nil }, "no file"},
		"text":                       {[]byte(strings.Repeat("not a kernel\n", 100)), nil, `kernel "vmlinuz": not a kernel`},
		"three bytes":                {[]byte("abc"), nil, "not a kernel"},
		"a cut off bzImage":          {bz(good)[:3000], nil, "cut off"},
		"a cut off header":           {bz(good)[:0x280], nil, "not a kernel"},
		"a file that shrank":         {bz(good), func(m *Machine) { m.Kernel.Size += 100 }, "unexpected EOF"},
		"a 32-bit bzImage":           {bz(func(k *boottest.BzImage) { k.XLoadFlags = 0 }), nil, "only 64-bit kernels"},
		"an old bzImage":             {bz(func(k *boottest.BzImage) { k.Version = 0x20b }), nil, "boot protocol 2.11: at least 2.12"},
		"a zImage":                   {bz(func(k *boottest.BzImage) { k.LoadFlags = 0 }), nil, "zImage"},
		"a short header":             {bz(func(k *boottest.BzImage) { k.HeaderEnd = 0x240 }), nil, "setup header ends"},
		"a long header":              {bz(func(k *boottest.BzImage) { k.HeaderEnd = 0x291 }), nil, "setup header ends"},
		"an odd alignment":           {bz(func(k *boottest.BzImage) { k.Alignment = 3 << 20 }), nil, "power of two"},
		"no alignment":               {bz(func(k *boottest.BzImage) { k.Alignment = 0 }), nil, "power of two"},
		"a huge alignment":           {bz(func(k *boottest.BzImage) { k.Alignment = 1 << 31 }), nil, "power of two"},
		"a kernel below 1 MiB":       {bz(func(k *boottest.BzImage) { k.Relocatable = false; k.PrefAddress = 0x9000 }), nil, "begins at 0x9000"},
		"a kernel in the hole":       {bz(func(k *boottest.BzImage) { k.PrefAddress = 0xd0000000 }), nil, "RAM for kernels ends at 0xc0000000"},
		"a kernel past everything":   {bz(func(k *boottest.BzImage) { k.PrefAddress = 1<<64 - 1 }), nil, "past the last address"},
		"a kernel too large":         {bz(func(k *boottest.BzImage) { k.InitSize = 60 * mib }), nil, `kernel "vmlinuz": it needs memory up to 76 MiB, the machine has 64 MiB`},
		"a tiny machine":             {bz(good), func(m *Machine) { m.Memory = newMemory(t, 8*mib) }, "needs memory up to 20 MiB, the machine has 8 MiB"},
		"a machine without tables":   {bz(good), func(m *Machine) { m.Memory = newMemory(t, mib/2) }, "want at least 1 MiB"},
		"an initrd too large":        {bz(good), func(m *Machine) { m.Initrd = sparseFile("big", 45*mib) }, `initrd "big": 47185920 bytes do not fit: the most this kernel and 64 MiB of memory leave room for is 46137344 bytes`},
		"an initrd of all addresses": {bz(good), func(m *Machine) { m.Initrd = sparseFile("big", 1<<63-1) }, "do not fit"},
		"an initrd without room":     {bz(func(k *boottest.BzImage) { k.InitrdAddrMax = 0; k.XLoadFlags = 1 }), func(m *Machine) { m.Initrd = sparseFile("i", 1) }, "leave room for is 0 bytes"},
		"an empty initrd":            {bz(good), func(m *Machine) { m.Initrd = sparseFile("i", 0) }, `initrd "i": 0 bytes`},
		"an initrd that shrank":      {bz(good), func(m *Machine) { m.Initrd = &File{Name: "i", Data: strings.NewReader("abc"), Size: 5} }, "after 3 bytes"},
		"a long command line":        {bz(good), func(m *Machine) { m.CommandLine = strings.Repeat("x", 2048) }, "command line: 2048 bytes: the kernel takes 2047"},
		"a command line for the ELF": {vm(func(*boottest.ELF) {}), func(m *Machine) { m.CommandLine = strings.Repeat("x", 2048) }, "the kernel takes 2047"},
		"a command line past its room": {
			bz(func(k *boottest.BzImage) { k.CmdlineSize = 1<<32 - 1 }), func(m *Machine) { m.CommandLine = strings.Repeat("x", mem.CommandLineSize) },
			"the kernel takes 65535",
		},
		"a NUL":                       {bz(good), func(m *Machine) { m.CommandLine = "a\x00b" }, "a NUL at byte 1"},
		"no processors":               {bz(good), func(m *Machine) { m.APICIDs = nil }, "ACPI tables: no processor"},
		"an unknown device":           {bz(good), func(m *Machine) { m.Devices[0].Kind = "floppy" }, `device "COM1": kind "floppy"`},
		"a device without ports":      {bz(good), func(m *Machine) { m.Devices[0].Size = 0 }, "0 ports"},
		"an unknown protocol":         {bz(good), func(m *Machine) { m.Protocol = "multiboot" }, "want auto, bzimage, elf or pvh"},
		"a bzImage as ELF":            {bz(good), func(m *Machine) { m.Protocol = ELF }, "not an ELF file"},
		"a bzImage as PVH":            {bz(good), func(m *Machine) { m.Protocol = PVH }, "not an ELF file"},
		"an ELF as bzImage":           {vm(func(*boottest.ELF) {}), func(m *Machine) { m.Protocol = BZImage }, "it is an ELF file"},
		"a 32-bit ELF":                {vm(func(k *boottest.ELF) { k.Class = 1 }), nil, "32-bit ELF"},
		"an ELF of another processor": {vm(func(k *boottest.ELF) { k.Machine = 183 }), nil, "machine 183"},
		"an object file":              {vm(func(k *boottest.ELF) { k.Type = 1 }), nil, "type 1"},
		"a cut off ELF":               {vm(func(*boottest.ELF) {})[:5000], nil, "cut off"},
		"a cut off ELF header":        {vm(func(*boottest.ELF) {})[:63], nil, "ELF header"},
		"cut off program headers":     {vm(func(*boottest.ELF) {})[:100], nil, "program headers"},
		"no segments":                 {vm(func(k *boottest.ELF) { k.Segments = k.Segments[2:] }), nil, "what to load"},
		"no program headers":          {vm(func(k *boottest.ELF) { k.Segments = nil }), nil, "0 program headers"},
		"segments that overlap":       {vm(func(k *boottest.ELF) { k.Segments[1].Addr = 16*mib + 4095 }), nil, "overlap"},
		"a segment below 1 MiB":       {vm(func(k *boottest.ELF) { k.Segments[1].Addr = 0x8000 }), nil, "begins at 0x8000"},
		"a segment past RAM":          {vm(func(k *boottest.ELF) { k.Segments[1].Addr = 64*mib - 4096 }), nil, "needs memory up to 65 MiB, the machine has 64 MiB"},
		"a segment past all":          {vm(func(k *boottest.ELF) { k.Segments[1].MemSize = 1<<64 - 1 }), nil, "past the last address"},
		"an entry in data":            {vm(func(k *boottest.ELF) { k.Entry = 18 * mib }), nil, "entry point 0x1200000"},
		"an entry nowhere":            {vm(func(k *boottest.ELF) { k.Entry = 0 }), nil, "entry point 0x0"},
		"PVH without a note":          {vm(func(k *boottest.ELF) { k.Segments[2].Data = nil }), func(m *Machine) { m.Protocol = PVH }, "no PVH entry"},
		"PVH with an odd note":        {vm(func(k *boottest.ELF) { k.Segments[2].Data = boottest.Note("Xen", 18, []byte{1}) }), func(m *Machine) { m.Protocol = PVH }, "a note of 1 bytes"},
		"a PVH entry nowhere":         {vm(func(k *boottest.ELF) { k.Segments[2].Data = boottest.Note("Xen", 18, []byte{1, 2, 3, 4}) }), func(m *Machine) { m.Protocol = PVH }, "PVH entry 0x4030201"},
		"a PVH entry above 4 GiB":     {vm(func(k *boottest.ELF) { k.Segments[2].Data = boottest.Note("Xen", 18, []byte{0, 0, 0, 1, 1, 0, 0, 0}) }), func(m *Machine) { m.Protocol = PVH }, "below 4 GiB"},
		"notes past their end":        {vm(func(k *boottest.ELF) { k.Segments[2].Data = boottest.Note("Xen", 18, []byte("12345678"))[:20] }), nil, "one passes their end"},
		"too many notes":              {vm(func(k *boottest.ELF) { k.Segments[2].Data = make([]byte, 64<<10+1) }), nil, "more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, 64*mib, test.kernel)
			if test.change != nil {
				test.change(&m)
			}
			_, err := Load(m)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

// A file that cannot be read is named with what the system said of it.
func TestReadErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("input/output error")
	for name, limit := range map[string]int64{"header": 0, "kernel": 0x2000} {
		m := newMachine(t, 64<<20, boottest.NewBzImage(64<<10).Bytes())
		m.Kernel.Data = failing{m.Kernel.Data, limit, cause}
		if _, err := Load(m); !errors.Is(err, cause) || !strings.Contains(err.Error(), `kernel "vmlinuz"`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

type failing struct {
	io.ReaderAt
	limit int64
	err   error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.limit {
		return 0, f.err
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestPowerOfTheMachineReachesTheTables(t *testing.T) {
	for name, power := range map[string]acpi.Power{"default": {}, "moved": {
		PM1Event: 0x400, PM1Control: 0x404, Timer: 0x408, Reset: 0x64, ResetValue: 0xfe, SCI: 10, SleepTypeS5: 7,
	}} {
		m := newMachine(t, 64<<20, boottest.NewBzImage(4096).Bytes())
		m.Power = power
		s := load(t, m)
		if power == (acpi.Power{}) {
			power = acpi.DefaultPower
		}
		r := placed(t, s, "ACPI FACP")
		if got := read(t, m, r.Addr+56, 2); binary.LittleEndian.Uint16(got) != power.PM1Event {
			t.Errorf("%s: PM1a event block at %x, want %#x", name, got, power.PM1Event)
		}
	}
}

func TestKeyboardControllerHasTwoPorts(t *testing.T) {
	d, err := acpiDevice(Device{Name: "KBD", Kind: I8042, Addr: 0x60, Size: 5, Interrupt: 1}, 1)
	if err != nil || len(d.Ports) != 2 || d.Ports[0] != (acpi.PortRange{Base: 0x60, Size: 1}) || d.Ports[1] != (acpi.PortRange{Base: 0x64, Size: 1}) {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestTablesSayWhereTheGenerationIDIsAndLoadLeavesItAlone(t *testing.T) {
	m := newMachine(t, 64<<20, boottest.NewBzImage(4096).Bytes())
	m.Generation = &acpi.Generation{Addr: uint64(mem.GenerationID), GPE: 3}
	id := bytes.Repeat([]byte{0xa5}, mem.GenerationIDSize)
	if err := m.Memory.WriteAt(id, mem.GenerationID); err != nil {
		t.Fatal(err)
	}
	s := load(t, m)
	at := placed(t, s, "ACPI DSDT")
	dsdt := read(t, m, at.Addr, int(at.Size))
	// ADDR, a package of two integers: what is below 4 GiB, and nothing above.
	addr := append([]byte("ADDR\x12\x08\x02\x0c"), binary.LittleEndian.AppendUint32(nil, uint32(mem.GenerationID))...)
	if !bytes.Contains(dsdt, append(addr, 0)) || !bytes.Contains(dsdt, []byte("_E03")) {
		t.Errorf("no generation id in %x", dsdt)
	}
	if !bytes.Equal(read(t, m, mem.GenerationID, len(id)), id) {
		t.Error("its page was written")
	}
}
