package balloon

import (
	"math/rand/v2"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// BenchmarkInflate gives 64 MiB up in requests of 256 pages, as Linux does: in
// the order of their addresses, and each request's pages in none.
func BenchmarkInflate(b *testing.B) {
	const pages = 64 << 20 / pageSize
	for _, shuffle := range []bool{false, true} {
		name := "in order"
		if shuffle {
			name = "shuffled"
		}
		b.Run(name, func(b *testing.B) {
			m := virtqtest.NewMemory(b, 128<<20)
			device := newBalloon(b, Config{})
			d := virtqtest.New(b, virtqtest.Options{Memory: m})
			virtqtest.Activate(b, device, 0, d)
			b.SetBytes(pages * pageSize)
			for b.Loop() {
				for i := 0; i < pages; i += 256 {
					list := sequence(pages+i, 256, 1)
					if shuffle {
						rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
					}
					d.Do(b, [][]byte{pfns(list...)}, nil)
				}
			}
			b.ReportMetric(float64(device.Counters().Discards)/float64(b.N), "calls/op")
		})
	}
}
