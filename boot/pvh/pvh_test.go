package pvh

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/hullvm/hull/mem"
)

func TestEntryNote(t *testing.T) {
	for _, test := range []struct {
		desc string // hexadecimal
		want mem.Addr
		err  string
	}{
		{"78563412", 0x12345678, ""},
		{"7856341200000000", 0x12345678, ""},
		{"ffffffff00000000", 0xffffffff, ""},
		{"0000000001000000", 0, "below 4 GiB"},
		{"", 0, "0 bytes"},
		{"785634", 0, "3 bytes"},
		{"785634120000000000", 0, "9 bytes"},
	} {
		b, err := hex.DecodeString(test.desc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Entry(b)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %#x, %v; want %#x, %q", test.desc, got, err, test.want, test.err)
		}
	}
	if IsEntry("Xen", 17) || IsEntry("xen", 18) || !IsEntry("Xen", 18) || !IsGuestOS("Xen", 6) {
		t.Error("the wrong note")
	}
}

func TestStartInfoHasRoomForWhatItSays(t *testing.T) {
	s := StartInfo{InitrdSize: 1, Memory: make([]MemoryRange, 167)}
	b, err := s.Encode()
	if err != nil || len(b) != startInfoSize+moduleSize+167*rangeSize {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	s.Memory = make([]MemoryRange, 168)
	if _, err := s.Encode(); err == nil || !strings.Contains(err.Error(), "the room is 4096 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestStartInfoWithoutAnInitrdHasNoModules(t *testing.T) {
	b, err := (&StartInfo{Initrd: 0x1000, Memory: []MemoryRange{{Addr: 1, Size: 2, Kind: 3}}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := "78c56e33" + "01000000" + // magic, version
		"00000000" + "00000000" + // flags, modules
		"0000000000000000" + "0000000000000000" + // module list, command line
		"0000000000000000" + "3860000000000000" + // RSDP, memory map
		"01000000" + "00000000" + // entries
		"0100000000000000" + "0200000000000000" + "03000000" + "00000000"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("start info %s, want %s", got, want)
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, desc []byte) {
		if a, err := Entry(desc); err == nil && a >= mem.HighRAM {
			t.Errorf("%x is read as %#x", desc, a)
		}
	})
}
