package blk

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// BenchmarkFile reads and writes a file that the host caches, with a number of
// requests under way at once: on the queue's own goroutine, and each on one of
// its own.
func BenchmarkFile(b *testing.B) {
	const size = 64 << 20
	disk := newFile(b, size)
	for _, way := range []struct {
		name    string
		backend Backend
	}{{"immediate", cachedFile{disk}}, {"goroutines", disk}} {
		for _, k := range []kind{kindIn, kindOut} {
			for _, n := range []int{4 << 10, 64 << 10} {
				for _, depth := range []int{1, 32} {
					b.Run(fmt.Sprintf("%s/%v/%dk/depth=%d", way.name, k, n>>10, depth), func(b *testing.B) {
						benchmark(b, way.backend, k, n, depth, size)
					})
				}
			}
		}
	}
}

func benchmark(b *testing.B, backend Backend, k kind, n, depth int, size int64) {
	d := virtqtest.New(b, virtqtest.Options{Size: 256, EventIndex: true, Indirect: true, Memory: virtqtest.NewMemory(b, 64<<20)})
	virtqtest.Activate(b, newDevice(b, Config{Backend: backend}), FeatureFlush, d)
	var requests [64][]virtqtest.Buffer // made beforehand: the driver is not what is measured
	for i := range requests {
		requests[i] = []virtqtest.Buffer{
			{Addr: d.Memory.Alloc(headerSize), Len: headerSize},
			{Addr: d.Memory.Alloc(uint64(n)), Len: uint32(n), Write: k == kindIn},
			{Addr: d.Memory.Alloc(1), Len: 1, Write: true},
		}
	}
	b.SetBytes(int64(n))
	before := processorTime(b)
	b.ResetTimer()
	for i := range b.N {
		r := requests[i%len(requests)]
		if err := d.Memory.WriteAt(header(k, uint64(i)*uint64(n)%uint64(size)/sectorSize), r[0].Addr); err != nil {
			b.Fatal(err)
		}
		d.AddBuffers(r...)
		if d.Pending() < depth {
			continue
		}
		d.Kick()
		for d.Pending() > depth/2 {
			d.Wait(b)
		}
	}
	d.Kick()
	for d.Pending() > 0 {
		d.Wait(b)
	}
	b.StopTimer()
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(d.Interrupt.Count())/float64(b.N), "irq/op")
}

// processorTime is what the process has used so far, in nanoseconds.
func processorTime(b *testing.B) int64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
