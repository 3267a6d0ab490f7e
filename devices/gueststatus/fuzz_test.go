package gueststatus

import (
	"encoding/binary"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// FuzzGuestStatus wants a report for each write of the last byte, of the bytes
// written last.
func FuzzGuestStatus(f *testing.F) {
	f.Add([]byte{0, 0, 2, 7, 1, 0, 2, 0, 0, 2, 1, 0xff})
	f.Add([]byte{0, 0, 0, 1, 0, 1, 0, 2, 0, 2, 0, 3, 0, 3, 0, 0x80})
	f.Fuzz(func(t *testing.T, input []byte) {
		var bytes [4]byte
		reports, want, last := 0, 0, uint32(0)
		s := New(Config{Reported: func(v uint32) { reports, last = reports+1, v }})
		region := s.Regions()[0]
		for i, step := range devicestest.Steps(region, input) {
			p := step.Value[:step.Width]
			if step.Op&1 != 0 {
				if region.Handler.Read(step.Off, p); string(p) != "HULL"[step.Off:int(step.Off)+len(p)] {
					t.Fatalf("step %d: read %q", i, p)
				}
				continue
			}
			copy(bytes[step.Off:], p)
			if int(step.Off)+len(p) == size {
				want++
			}
			region.Handler.Write(step.Off, p)
			if reports != want || want > 0 && step.Off+uint64(len(p)) == size && last != binary.LittleEndian.Uint32(bytes[:]) {
				t.Fatalf("step %d: %d reports, want %d; the last is %#x, written %x", i, reports, want, last, bytes)
			}
		}
	})
}
