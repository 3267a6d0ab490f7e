package virtq_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// BenchmarkRequest is what a device spends on a request beside its work: taking
// it, giving it back, and asking whether to interrupt. The driver's part is not
// in the time.
func BenchmarkRequest(b *testing.B) {
	for _, packed := range []bool{false, true} {
		for _, buffers := range []int{1, 3, 18} {
			for _, indirect := range []bool{false, true} {
				if indirect && buffers == 1 {
					continue
				}
				name := "split"
				if packed {
					name = "packed"
				}
				b.Run(fmt.Sprintf("%s/buffers=%d/indirect=%v", name, buffers, indirect), func(b *testing.B) {
					bench(b, virtqtest.Options{Packed: packed, EventIndex: true, Indirect: indirect}, buffers, 1)
				})
			}
		}
	}
}

// BenchmarkBatch asks about interrupts once for 32 requests.
func BenchmarkBatch(b *testing.B) {
	for _, packed := range []bool{false, true} {
		name := "split"
		if packed {
			name = "packed"
		}
		b.Run(name, func(b *testing.B) {
			bench(b, virtqtest.Options{Packed: packed, EventIndex: true, Indirect: true}, 3, 32)
		})
	}
}

func bench(b *testing.B, o virtqtest.Options, buffers, batch int) {
	o.Size = 256
	if o.Packed {
		o.Size = 252 // laps of 1, 3 and 18 descriptors come out even
	}
	d := virtqtest.New(b, o)
	q, err := virtq.New(d.Memory.Guest, d.Layout(), d.RingOptions())
	if err != nil {
		b.Fatal(err)
	}
	var list []virtqtest.Buffer
	for i := range buffers {
		list = append(list, virtqtest.Buffer{Addr: mem.Addr(0x1000 * i), Len: 0x1000, Write: i > 0})
	}
	lap := repeat(d, list)
	chains := make([]virtq.Chain, batch)
	for i := range chains {
		chains[i].Readable, chains[i].Writable = make([]mem.Range, 0, 32), make([]mem.Range, 0, 32)
	}
	var spent time.Duration
	var done int
	b.ReportAllocs()
	b.ResetTimer()
	for done < b.N {
		n := lap()
		begin := time.Now()
		for done += n; n > 0; n -= batch {
			some := chains[:min(n, batch)]
			for j := range some {
				if ok, err := q.Next(&some[j]); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
			for j := range some {
				if err := q.Done(&some[j], 1); err != nil {
					b.Fatal(err)
				}
			}
			q.InterruptWanted()
		}
		spent += time.Since(begin)
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(done), "ns/op")
}

// repeat fills the ring with a chain, and returns what makes as many available
// again as there is room for, at no cost worth speaking of.
func repeat(d *virtqtest.Driver, list []virtqtest.Buffer) (lap func() (n int)) {
	per := 0
	for d.Room() >= len(list) || d.Room() > 0 && d.RingOptions().Indirect {
		d.AddBuffers(list...)
		per++
	}
	first := true
	l := d.Layout()
	if !d.RingOptions().Packed {
		s := d.Split()
		for i := range l.Size {
			s.PutAvailEntry(i, uint16(int(i)%per)*uint16(len(list)))
			if d.RingOptions().Indirect {
				s.PutAvailEntry(i, i)
			}
		}
		index := s.Avail()
		return func() int {
			if !first {
				index += uint16(per)
				s.PutAvail(index)
			}
			first = false
			return per
		}
	}
	laps := [2][]byte{make([]byte, 16*int(l.Size)), make([]byte, 16*int(l.Size))}
	for i := range laps {
		if err := d.Memory.ReadAt(laps[i], l.Desc); err != nil {
			panic(err)
		}
	}
	for i := 14; i < len(laps[1]); i += 16 { // the flags of the second lap
		flags := binary.LittleEndian.Uint16(laps[1][i:]) ^ (virtqtest.FlagAvail | virtqtest.FlagUsed)
		binary.LittleEndian.PutUint16(laps[1][i:], flags)
	}
	n := 0
	return func() int {
		if err := d.Memory.WriteAt(laps[n%2], l.Desc); err != nil {
			panic(err)
		}
		n++
		return per
	}
}
