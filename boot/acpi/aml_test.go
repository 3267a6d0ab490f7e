package acpi

import (
	"bytes"
	"strings"
	"testing"
)

// readPackageLength is a second reading of section 20.2.4, from the decoder's
// side. It returns the length, which counts itself, and its own size.
func readPackageLength(b []byte) (length, size int) {
	follow := int(b[0] >> 6)
	if follow == 0 {
		return int(b[0] & 0x3f), 1
	}
	length = int(b[0] & 0xf)
	for i := range follow {
		length |= int(b[1+i]) << (4 + 8*i)
	}
	return length, 1 + follow
}

func TestPackageLengthCountsItself(t *testing.T) {
	for _, n := range []int{0, 1, 61, 62, 63, 64, 4092, 4093, 4094, 4095, 1<<20 - 4, 1<<20 - 3, 1<<20 - 2, 1 << 20, 1<<28 - 5} {
		b := packageLength(n)
		length, size := readPackageLength(b)
		if size != len(b) || length != n+size {
			t.Errorf("packageLength(%d) = %x: reads as %d in %d bytes", n, b, length, size)
		}
		if size > 1 && b[0]&0x30 != 0 {
			t.Errorf("packageLength(%d) = %x: bits 4 and 5 are reserved", n, b)
		}
	}
}

func TestIntegersAreShort(t *testing.T) {
	for v, want := range map[uint64][]byte{
		0:           {0x00},
		1:           {0x01},
		2:           {0x0a, 2},
		0xff:        {0x0a, 0xff},
		0x100:       {0x0b, 0, 1},
		0xffff:      {0x0b, 0xff, 0xff},
		0x10000:     {0x0c, 0, 0, 1, 0},
		0x1_0000_00: {0x0c, 0, 0, 0, 1},
		1 << 32:     {0x0e, 0, 0, 0, 0, 1, 0, 0, 0},
		1<<64 - 1:   {0x0e, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if got := amlInteger(v); !bytes.Equal(got, want) {
			t.Errorf("amlInteger(%#x) = %x, want %x", v, got, want)
		}
	}
}

func TestHardwareIDs(t *testing.T) {
	for id, want := range map[string][]byte{
		"PNP0501":  {opDWord, 0x41, 0xd0, 0x05, 0x01},
		"PNP0B00":  {opDWord, 0x41, 0xd0, 0x0b, 0x00},
		"ACPI0007": []byte("\x0dACPI0007\x00"),
	} {
		if got := amlHardwareID(id); !bytes.Equal(got, want) {
			t.Errorf("%s encodes as %x, want %x", id, got, want)
		}
	}
}

// readEISAID undoes eisaID.
func readEISAID(v uint32) string {
	const hex = "0123456789ABCDEF"
	b := [4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
	return string([]byte{
		'@' + b[0]>>2&0x1f, '@' + b[0]&3<<3 + b[1]>>5, '@' + b[1]&0x1f,
		hex[b[2]>>4], hex[b[2]&0xf], hex[b[3]>>4], hex[b[3]&0xf],
	})
}

func FuzzHardwareID(f *testing.F) {
	for _, s := range []string{"PNP0501", "QEMU0001", "ACPI0007", "pnp0501", "", "ZZZFFFF", "ABC\x001234"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkHardwareID(s) != nil {
			return
		}
		switch b := amlHardwareID(s); {
		case len(s) == 8:
			if string(b) != "\x0d"+s+"\x00" {
				t.Errorf("%q encodes as %x", s, b)
			}
		case readEISAID(eisaID(s)) != s:
			t.Errorf("%q reads back as %q", s, readEISAID(eisaID(s)))
		}
	})
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"COM1", "_SB", "A", "", "TOOLONG", "1ABC", "a", "\\", "^", "A.B", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		seg, err := parseNameSeg(s)
		if err != nil {
			return
		}
		again, err := parseNameSeg(string(seg[:]))
		if err != nil || again != seg {
			t.Fatalf("%q becomes %q, and that %q, %v", s, seg, again, err)
		}
		if !strings.HasPrefix(string(seg[:]), s) || strings.Trim(string(seg[len(s):]), "_") != "" {
			t.Fatalf("%q becomes %q", s, seg)
		}
		c := hullMachine(1)
		c.Devices = []Device{{Name: s, HID: "PNP0C02"}}
		if _, err := Build(c); err != nil {
			t.Fatal(err)
		}
	})
}
