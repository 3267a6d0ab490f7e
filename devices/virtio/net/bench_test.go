package net

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/iovec"
	"github.com/hullvm/hull/internal/netnstest"
	"github.com/hullvm/hull/mem"

	"golang.org/x/sys/unix"
)

// benchDriver keeps a queue full of the same buffers, at the cost of a few words
// of memory for each.
type benchDriver struct {
	d    *virtqtest.Driver
	ring *virtqtest.Split
	size uint16

	avail, told, used uint16
}

// newBenchDriver makes one descriptor for each entry. Those that the device
// writes have memory of their own; the others share packet.
func newBenchDriver(d *virtqtest.Driver, m *virtqtest.Memory, packet []byte, write bool, length int) *benchDriver {
	b := &benchDriver{d: d, ring: d.Split(), size: d.Layout().Size}
	var at mem.Addr
	for i := range b.size {
		if write || i == 0 {
			at = m.Alloc(uint64(length))
			if err := m.WriteAt(packet, at); err != nil {
				panic(err)
			}
		}
		v := virtqtest.SplitDescriptor{Addr: at, Len: uint32(length)}
		if write {
			v.Flags = virtqtest.FlagWrite
		}
		b.ring.PutDescriptor(i, v)
		b.ring.PutAvailEntry(i, i)
	}
	return b
}

// offer shows the device n more buffers.
func (b *benchDriver) offer(n uint16) {
	b.avail += n
	b.ring.PutAvail(b.avail)
	if b.avail-b.ring.AvailEvent()-1 < b.avail-b.told {
		b.d.Queue().Kick()
	}
	b.told = b.avail
}

// collect waits until the device has used something, and returns how many.
func (b *benchDriver) collect() uint16 {
	for {
		if n := b.ring.UsedIndex() - b.used; n > 0 {
			b.used += n
			return n
		}
		b.ring.PutUsedEvent(b.used)
		if b.ring.UsedIndex() == b.used {
			<-b.d.Interrupt.C
		}
		runtime.Gosched()
	}
}

// send sends n frames.
func (b *benchDriver) send(n int) {
	room := int(b.size)
	for sent, done := 0, 0; done < n; {
		if k := min(room, n-sent); k > 0 {
			b.offer(uint16(k))
			sent, room = sent+k, room-k
		}
		k := int(b.collect())
		done, room = done+k, room+k
	}
}

// BenchmarkSend is what a frame costs from the ring into a tap, and what the
// write alone costs. The host's stack drops the frame behind the tap.
func BenchmarkSend(b *testing.B) {
	netnstest.Enter(b)
	for i, k := range []struct {
		name   string
		packet []byte
	}{
		{"64", join(plain(), ethernet(otherMAC, cardMAC, 64))},
		{"1514", join(plain(), ethernet(otherMAC, cardMAC, 1514))},
		{"64K", join(tsoHeader(), tcp(otherMAC, cardMAC, 64000))},
	} {
		c := newTapCard(b, fmt.Sprint("a", i), "", cardMAC, setup{features: FeatureMrgRXBuf | FeatureCSUM | FeatureHostTSO4, eventIdx: true})
		d := newBenchDriver(c.tx(0), c.memory, k.packet, false, len(k.packet))
		fd, iov := c.device.ports[0].FD, []unix.Iovec{vector(k.packet)}
		raw := func(n int) {
			for range n {
				_, _ = iovec.Writev(fd, iov)
			}
		}
		card, alone := best(d.send), best(raw)
		b.ReportMetric(card, k.name+"-ns/frame")
		b.ReportMetric(card/alone, k.name+"-of-write")
		c.active.Deactivate()
	}
}

// best is the least that run took for a frame, in ns. It is for benchmarks that
// may not leave their goroutine, which is in a network of its own.
func best(run func(n int)) float64 {
	const rounds, frames = 10, 2048
	least := math.Inf(1)
	for range rounds {
		start := now()
		run(frames)
		least = min(least, (now()-start)/frames*1e9)
	}
	return least
}

func now() float64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return float64(ts.Sec) + float64(ts.Nsec)/1e9
}

// BenchmarkCardToCard is what a frame costs from one card through taps and a
// bridge into another.
func BenchmarkCardToCard(b *testing.B) {
	netnstest.Enter(b)
	addBridge(b, "br0")
	for i, k := range []struct {
		name   string
		packet []byte
	}{
		{"64", join(plain(), ethernet(otherMAC, cardMAC, 64))},
		{"1514", join(plain(), ethernet(otherMAC, cardMAC, 1514))},
		{"64K", join(tsoHeader(), tcp(otherMAC, cardMAC, 64000))},
	} {
		from := newTapCard(b, fmt.Sprint("a", i), "br0", cardMAC, setup{features: FeatureMrgRXBuf | FeatureCSUM | FeatureHostTSO4, eventIdx: true})
		to := newTapCard(b, fmt.Sprint("b", i), "br0", otherMAC, setup{features: FeatureMrgRXBuf | FeatureGuestCSUM | FeatureGuestTSO4, eventIdx: true})
		out := newBenchDriver(from.tx(0), from.memory, k.packet, false, len(k.packet))
		in := newBenchDriver(to.rx(0), to.memory, nil, true, 4096)
		in.offer(in.size)
		received := func() uint64 { return to.device.Received().Frames }
		// The sender keeps a window, lest the bridge drops frames.
		ns := best(func(n int) {
			begin := received()
			for sent := 0; sent < n; {
				window := min(64, n-sent)
				out.send(window)
				sent += window
				for received()-begin < uint64(sent) {
					in.offer(in.collect())
				}
			}
		})
		b.ReportMetric(ns, k.name+"-ns/frame")
		b.ReportMetric(float64(len(k.packet)-HeaderSize)*8/ns, k.name+"-Gbit/s")
		from.active.Deactivate()
		to.active.Deactivate()
	}
}

// BenchmarkSocket is what a frame costs through a socket, both ways.
func BenchmarkSocket(b *testing.B) {
	for _, length := range []int{64, 1514} {
		b.Run(fmt.Sprint("out/", length), func(b *testing.B) {
			c := newCard(b, setup{size: 256, features: FeatureMrgRXBuf, eventIdx: true})
			d := newBenchDriver(c.tx(0), c.memory, join(plain(), ethernet(otherMAC, cardMAC, length)), false, HeaderSize+length)
			done := make(chan struct{})
			go func() {
				defer close(done)
				p := make([]byte, 1<<16)
				for range b.N {
					_, _ = c.backend.wires[0].f.Read(p)
				}
			}()
			b.SetBytes(int64(length))
			b.ResetTimer()
			d.send(b.N)
			<-done
		})
		b.Run(fmt.Sprint("in/", length), func(b *testing.B) {
			c := newCard(b, setup{size: 256, features: FeatureMrgRXBuf, eventIdx: true})
			d := newBenchDriver(c.rx(0), c.memory, nil, true, 1536)
			d.offer(d.size)
			b.SetBytes(int64(length))
			b.ResetTimer()
			go func() {
				p := join(plain(), ethernet(cardMAC, otherMAC, length))
				for range b.N {
					_, _ = c.backend.wires[0].f.Write(p)
				}
			}()
			for n := 0; n < b.N; {
				k := d.collect()
				d.offer(k)
				n += int(k)
			}
		})
	}
}
