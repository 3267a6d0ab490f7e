package debugport

import (
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// FuzzDebugPort wants each byte written told once and read back.
func FuzzDebugPort(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 3, 0xff})
	f.Fuzz(func(t *testing.T, input []byte) {
		told, writes, last := 0, 0, byte(0)
		d := New(Config{Mark: func(v byte) { told, last = told+1, v }})
		region := d.Regions()[0]
		for i, s := range devicestest.Steps(region, input) {
			if s.Op&1 == 0 {
				region.Handler.Write(s.Off, s.Value[:s.Width])
				if writes++; told != writes || last != s.Value[0] {
					t.Fatalf("step %d: told %d of %d, last %#x", i, told, writes, last)
				}
				continue
			}
			if region.Handler.Read(s.Off, s.Value[:s.Width]); s.Value[0] != last {
				t.Fatalf("step %d: read %#x, want %#x", i, s.Value[0], last)
			}
		}
	})
}
