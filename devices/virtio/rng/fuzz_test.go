package rng

import (
	"testing"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// FuzzDevice gives the device buffers anywhere. It must fill them from the first
// byte on, as far as they are memory, and write nothing else.
func FuzzDevice(f *testing.F) {
	f.Add([]byte{1, 0x40, 0, 0, 16, 0})
	f.Add([]byte{3, 0x40, 0, 0x40, 0, 0, 0x80, 0, 0, 9, 1, 0xff, 0xff, 0, 200, 0})
	f.Add([]byte{2, 0xff, 0xf0, 0, 100, 0, 0x30, 0, 0x10, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		const size = 64 << 10
		guest, err := mem.New(mem.Options{Size: size, Overcommit: true})
		if err != nil {
			t.Fatal(err)
		}
		defer guest.Close()
		d := virtqtest.New(t, virtqtest.Options{Memory: virtqtest.WrapMemory(guest)})
		low := d.Memory.Alloc(1) + 0x1000 // the ring is below
		var buffers []virtqtest.Buffer
		given := make([]bool, size)
		room, whole := uint32(0), true
		for ; len(input) >= 5 && len(buffers) < 16; input = input[5:] {
			b := virtqtest.Buffer{
				Addr: max(mem.Addr(input[0])<<8|mem.Addr(input[1]), low), Len: uint32(input[2])<<8 | uint32(input[3]),
				Write: input[4]&1 == 0 || len(buffers) > 0 && buffers[len(buffers)-1].Write,
			}
			if input[4]&2 != 0 {
				b.Addr += 1 << 33
			}
			buffers = append(buffers, b)
			if !b.Write {
				continue
			}
			for i := b.Addr; i < min(b.Addr+mem.Addr(b.Len), size); i++ {
				given[i] = true
			}
			if whole = whole && (b.Len == 0 || guest.Contains(b.Addr, uint64(b.Len))); whole {
				room += b.Len
			}
		}
		if len(buffers) == 0 {
			return
		}
		before := make([]byte, size)
		if err := guest.ReadAt(before, 0); err != nil {
			t.Fatal(err)
		}
		d.AddBuffers(buffers...)
		a := &activation{
			Activation: &virtio.Activation{Memory: guest}, device: New(Config{}), queue: d.Queue(), stop: make(chan struct{}),
		}
		if err := a.serve(); err != nil {
			t.Fatal(err)
		}
		u, ok := d.Poll()
		if !ok || u.Written < min(room, requestMax) || u.Written > requestMax {
			t.Fatalf("answered %v, %d bytes written; there is room for %d", ok, u.Written, room)
		}
		after := make([]byte, size)
		if err := guest.ReadAt(after, 0); err != nil {
			t.Fatal(err)
		}
		for i := range after {
			if after[i] != before[i] && !given[i] && mem.Addr(i) >= low {
				t.Fatalf("the device wrote %#x, which it was not given", i)
			}
		}
	})
}
