package gueststatus

import (
	"slices"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

func TestIdentificationReadsHULL(t *testing.T) {
	d := devicestest.Drive(t, New(Config{}), Base, registers)
	p := make([]byte, 4)
	if d.Bus().Read(Base, p); string(p) != "HULL" {
		t.Errorf("read %q", p)
	}
	d.Bus().Write(Base, []byte{1, 2, 3, 4})
	for i, want := range "HULL" {
		d.Expect("STATUS"+string(rune('0'+i)), uint64(want))
	}
}

func TestReports(t *testing.T) {
	for _, test := range []struct {
		name   string
		writes map[uint64][]byte // at most one for each offset, made by ascending offset
		want   []uint32
	}{
		{"an exit status at once", map[uint64][]byte{0: {7, 0, 0, 0}}, []uint32{7}},
		{"a signal", map[uint64][]byte{0: {9, 0, 0, 0x80}}, []uint32{Signal | 9}},
		{"in bytes", map[uint64][]byte{0: {1}, 1: {2}, 2: {3}, 3: {4}}, []uint32{0x04030201}},
		{"in halves", map[uint64][]byte{0: {1, 2}, 2: {3, 4}}, []uint32{0x04030201}},
		{"unfinished", map[uint64][]byte{0: {1, 2}, 2: {3}}, nil},
		{"the last byte alone", map[uint64][]byte{3: {0x80}}, []uint32{0x80000000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []uint32
			d := devicestest.Drive(t, New(Config{Reported: func(v uint32) { got = append(got, v) }}), Base, registers)
			for off := range uint64(size) {
				if p := test.writes[off]; p != nil {
					d.Bus().Write(Base+off, p)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("reports are %#x, want %#x", got, test.want)
			}
		})
	}
}
