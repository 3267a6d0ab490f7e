package acpi

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/mem"
)

var update = flag.Bool("update", false, "rewrite the tables in testdata")

// hullMachine is the machine Hull makes today, with n processors.
func hullMachine(n int) Config {
	c := Config{
		IOAPICAddr:    uint32(mem.IOAPIC),
		LocalAPICAddr: uint32(mem.LocalAPIC),
		Power:         DefaultPower,
		Clock:         true,
		Generation:    &Generation{Addr: uint64(mem.GenerationID)},
		Devices: []Device{
			{Name: "COM1", HID: "PNP0501", UID: 1, Ports: []PortRange{{0x3f8, 8}}, IRQs: []uint8{4}},
			{Name: "RTC", HID: "PNP0B00", UID: 1, Ports: []PortRange{{0x70, 2}}, IRQs: []uint8{8}},
			{Name: "PEVT", HID: "QEMU0001", UID: 1, Ports: []PortRange{{0x505, 1}}},
		},
	}
	for i := range n {
		c.APICIDs = append(c.APICIDs, uint32(i))
	}
	return c
}

// hullPCI is the host bridge of a machine with devices on its bus.
func hullPCI() *PCI {
	return &PCI{
		ECAM: uint64(mem.PCIECAM), Buses: 1,
		Window32:   Window{uint64(mem.PCIWindow32), mem.PCIWindow32Size},
		Window64:   Window{1 << 38, 1 << 36},
		Interrupts: [4]uint8{16, 17, 18, 19},
	}
}

// machines are the machines whose tables are in testdata.
func machines() map[string]Config {
	everything := hullMachine(1)
	everything.Clock = false
	everything.KeyboardController = true
	everything.IOAPICID = 7
	everything.Power.Timer32 = true
	everything.Power.SCI = 11
	everything.Power.GPE0Size = 16
	everything.Generation = &Generation{Addr: 0x12_3456_7898, GPE: 63}
	everything.Devices = []Device{
		{Name: "K", HID: "PNP0303", UID: 0, Status: 0xb, Ports: []PortRange{{0x60, 1}, {0x64, 1}}, IRQs: []uint8{1}},
		{Name: "_X9", HID: "ABCD1234", UID: math.MaxUint32, IRQs: []uint8{15, 16, 23}},
		{Name: "BARE", HID: "PNP0C02", UID: 256},
	}
	everything.PCI = &PCI{ECAM: 0xb000_0000, Buses: 256, Window32: Window{0xc000_0000, 1 << 28}, Window64: Window{1 << 40, 1 << 38}, Interrupts: [4]uint8{16, 17, 18, 19}}
	pci := hullMachine(2)
	pci.PCI = hullPCI()
	bare := hullMachine(1)
	bare.Devices = nil
	bare.Power.GPE0Size = 0
	bare.Generation = nil
	return map[string]Config{
		"one-processor":    hullMachine(1),
		"eight-processors": hullMachine(8),
		"x2apic":           hullMachine(300),
		"everything":       everything,
		"bare":             bare,
		"pci":              pci,
	}
}

func build(t testing.TB, c Config) []Table {
	t.Helper()
	tables, err := Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

func TestTablesAreThoseInTestdata(t *testing.T) {
	for name, c := range machines() {
		for _, table := range build(t, c) {
			path := filepath.Join("testdata", name, strings.ToLower(table.Name)+".aml")
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, table.Data, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(table.Data, want) {
				t.Errorf("%s differs from %s: look at both with iasl -d, then go test -update\ngot  %x\nwant %x",
					table.Name, path, table.Data, want)
			}
		}
	}
}

// Tables are found the way a guest does: from the RSDP on, by address, each
// with a right length and sum.
func TestGuestFindsEveryTable(t *testing.T) {
	le := binary.LittleEndian
	for name, c := range machines() {
		tables := build(t, c)
		memory := make(map[uint64]Table)
		for i, table := range tables {
			memory[uint64(table.Addr)] = table
			if i > 0 && tables[i-1].Addr+mem.Addr(len(tables[i-1].Data)) > table.Addr {
				t.Errorf("%s: %s lies over %s", name, table.Name, tables[i-1].Name)
			}
			if table.Name != "FACS" && checksum(table.Data) != 0 {
				t.Errorf("%s: %s has a wrong sum", name, table.Name)
			}
		}
		at := func(addr uint64, signature string) []byte {
			t.Helper()
			table, ok := memory[addr]
			if !ok || !strings.HasPrefix(string(table.Data), signature) {
				t.Fatalf("%s: no %s at %#x", name, signature, addr)
			}
			if n := le.Uint32(table.Data[4:]); signature != "RSD PTR " && int(n) != len(table.Data) {
				t.Errorf("%s: %s has %d bytes and says %d", name, signature, len(table.Data), n)
			}
			return table.Data
		}
		root := at(uint64(mem.ACPITables), "RSD PTR ")
		if checksum(root[:20]) != 0 {
			t.Errorf("%s: the first sum of the RSDP is wrong", name)
		}
		list := at(le.Uint64(root[24:]), "XSDT")[headerSize:]
		if want := 16; c.PCI == nil && len(list) != want || c.PCI != nil && len(list) != want+8 {
			t.Fatalf("%s: %d bytes of addresses in the XSDT", name, len(list))
		}
		fixed := at(le.Uint64(list), "FACP")
		at(le.Uint64(list[8:]), "APIC")
		if c.PCI != nil {
			if b := at(le.Uint64(list[16:]), "MCFG"); le.Uint64(b[44:]) != c.PCI.ECAM || int(b[55]) != c.PCI.Buses-1 {
				t.Errorf("%s: MCFG is %x", name, b)
			}
		}
		at(le.Uint64(fixed[fadtXDSDT:]), "DSDT")
		at(uint64(le.Uint32(fixed[fadtDSDT:])), "DSDT")
		if facs := uint64(le.Uint32(fixed[fadtFACS:])); facs != uint64(mem.ACPIFACS) || facs%64 != 0 {
			t.Errorf("%s: FACS at %#x", name, facs)
		}
		at(uint64(mem.ACPIFACS), "FACS")
	}
}

func TestEveryProcessorIsListedOnce(t *testing.T) {
	for name, ids := range map[string][]uint32{
		"in order":         {0, 1, 2, 3},
		"with gaps":        {0, 2, 8, 254, 255, 256, 1000},
		"in another order": {300, 254, 0, 255},
	} {
		c := hullMachine(0)
		c.APICIDs = ids
		le := binary.LittleEndian
		var got []uint32
		x2, x2NMI := false, false
		for b := madt(&c)[headerSize+8:]; len(b) > 0; b = b[b[1]:] {
			switch b[0] {
			case madtLocalAPIC:
				if int(b[2]) != len(got) || b[3] == 0xff {
					t.Errorf("%s: entry %x after %d processors", name, b[:8], len(got))
				}
				got = append(got, uint32(b[3]))
			case madtLocalX2APIC:
				x2 = true
				if int(le.Uint32(b[12:])) != len(got) {
					t.Errorf("%s: entry %x after %d processors", name, b[:16], len(got))
				}
				got = append(got, le.Uint32(b[4:]))
			case madtLocalX2NMI:
				x2NMI = true
			}
		}
		if len(got) != len(ids) {
			t.Fatalf("%s: %d processors, want %d", name, len(got), len(ids))
		}
		for i := range ids {
			if got[i] != ids[i] {
				t.Errorf("%s: processor %d has id %d, want %d", name, i, got[i], ids[i])
			}
		}
		if x2 != x2NMI {
			t.Errorf("%s: processors with big ids: %v, an NMI entry for such: %v", name, x2, x2NMI)
		}
	}
}

func TestBuildRefuses(t *testing.T) {
	device := func(d Device) func(*Config) {
		return func(c *Config) { c.Devices = append(c.Devices, d) }
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no processor":         {func(c *Config) { c.APICIDs = nil }, "no processor"},
		"one id twice":         {func(c *Config) { c.APICIDs = []uint32{0, 1, 0} }, "processor 2: APIC id 0: processor 0 has it"},
		"the broadcast id":     {func(c *Config) { c.APICIDs = []uint32{math.MaxUint32} }, "stands for all"},
		"too many processors":  {func(c *Config) { *c = hullMachine(9000) }, "the room is 122880 bytes"},
		"no SCI":               {func(c *Config) { c.Power.SCI = 0 }, "SCI"},
		"an SCI past ISA":      {func(c *Config) { c.Power.SCI = 16 }, "SCI"},
		"a sleep type":         {func(c *Config) { c.Power.SleepTypeS5 = 8 }, "three bits"},
		"odd GPE0":             {func(c *Config) { c.Power.GPE0Size = 7 }, "of one size"},
		"huge GPE0":            {func(c *Config) { c.Power.GPE0Size = 32 }, "the most is 31"},
		"no timer":             {func(c *Config) { c.Power.Timer = 0 }, "timer: port 0"},
		"PM1 past the end":     {func(c *Config) { c.Power.PM1Event = 0xfffe }, "last port"},
		"no reset register":    {func(c *Config) { c.Power.Reset = 0 }, "reset register"},
		"a device of no name":  {device(Device{HID: "PNP0501"}), "1 to 4 characters"},
		"a long name":          {device(Device{Name: "SERIAL", HID: "PNP0501"}), "1 to 4 characters"},
		"a small name":         {device(Device{Name: "com1", HID: "PNP0501"}), "A-Z"},
		"a name twice":         {device(Device{Name: "COM1", HID: "PNP0501"}), "two of that name"},
		"a name twice, padded": {device(Device{Name: "RTC_", HID: "PNP0B00"}), "two of that name"},
		"no hardware id":       {device(Device{Name: "A"}), "hardware id"},
		"a bad EISA id":        {device(Device{Name: "A", HID: "PNP05G1"}), "hardware id"},
		"a bad vendor":         {device(Device{Name: "A", HID: "P1P0501"}), "hardware id"},
		"no ports":             {device(Device{Name: "A", HID: "PNP0501", Ports: []PortRange{{0x10, 0}}}), "empty range"},
		"ports past the end":   {device(Device{Name: "A", HID: "PNP0501", Ports: []PortRange{{0xffff, 2}}}), "last port"},
		"no buses":             {func(c *Config) { c.PCI = &PCI{} }, "0 buses"},
		"a crooked ECAM":       {func(c *Config) { c.PCI = hullPCI(); c.PCI.ECAM = 0x1234 }, "ECAM at 0x1234"},
		"a high ECAM":          {func(c *Config) { c.PCI = hullPCI(); c.PCI.ECAM = 1 << 32 }, "below 4 GiB"},
		"a window past 4 GiB":  {func(c *Config) { c.PCI = hullPCI(); c.PCI.Window32.Size = 1 << 31 }, "below 4 GiB"},
		"a low window":         {func(c *Config) { c.PCI = hullPCI(); c.PCI.Window64.Base = 1 << 20 }, "above 4 GiB"},
		"an ISA interrupt":     {func(c *Config) { c.PCI = hullPCI(); c.PCI.Interrupts[2] = 9 }, "interrupt 9"},
		"no generation":        {func(c *Config) { c.Generation.Addr = 0 }, "generation id: address 0x0"},
		"a crooked generation": {func(c *Config) { c.Generation.Addr += 4 }, "a multiple of 8"},
		"no such event":        {func(c *Config) { c.Generation.GPE = 32 }, "event 32: there are 32"},
		"no events":            {func(c *Config) { c.Power.GPE0Size = 0 }, "event 0: there are 0"},
		"its name twice":       {device(Device{Name: "VGEN", HID: "PNP0501"}), "two of that name"},
		"a high interrupt":     {device(Device{Name: "A", HID: "PNP0501", IRQs: []uint8{24}}), "the highest is 23"},
	} {
		c := hullMachine(1)
		test.change(&c)
		if _, err := Build(c); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.want)
		}
	}
}

func TestMostProcessorsFit(t *testing.T) {
	build(t, hullMachine(4096))
}
