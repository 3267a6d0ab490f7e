package virtqtest

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/mem"
)

// Copy is the memory as it stands, for a guest that goes on elsewhere as well.
func (m *Memory) Copy(t testing.TB) *Memory {
	t.Helper()
	c := NewMemory(t, m.Size())
	p, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for _, s := range m.Slots() {
		for off := uint64(0); off < s.Size; off += uint64(len(p)) {
			p := p[:min(uint64(len(p)), s.Size-off)]
			must(m.ReadAt(p, s.Base+mem.Addr(off)))
			if !bytes.Equal(p, zeros[:len(p)]) { // what nobody touched stays so
				must(c.WriteAt(p, s.Base+mem.Addr(off)))
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c.next = m.next
	for size, free := range m.free {
		c.free[size] = slices.Clone(free)
	}
	return c
}

// Move is the driver as it goes on in m, a copy of its guest's memory, with
// requests under way that are so now. Its queue stands where that of d does, and
// the device knows of no notification. d may go on as well.
func (d *Driver) Move(t testing.TB, m *Memory) *Driver {
	t.Helper()
	kick, err := eventfd.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kick.Close() })
	moved := *d
	moved.Memory, moved.options.Memory = m, m
	moved.Interrupt = NewInterrupt()
	moved.kick = kick
	moved.ring = d.ring.move(m)
	moved.requests = maps.Clone(d.requests)
	moved.order = slices.Clone(d.order)
	moved.queue, err = virtio.NewQueue(d.options.Index, m.Guest, d.layout, d.RingOptions(), kick, moved.Interrupt)
	if err != nil {
		t.Fatal(err)
	}
	if err := moved.queue.Restore(d.queue.Position()); err != nil {
		t.Fatal(err)
	}
	return &moved
}

func (s *Split) move(m *Memory) ring {
	moved := *s
	moved.mem = m
	moved.free = slices.Clone(s.free)
	moved.chains = maps.Clone(s.chains)
	return &moved
}

func (p *Packed) move(m *Memory) ring {
	moved := *p
	moved.mem = m
	moved.ids = slices.Clone(p.ids)
	moved.chains = maps.Clone(p.chains)
	return &moved
}
