package pci

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/hullvm/hull/devices"
)

// Config is what a root complex is made of.
type Config struct {
	Memory   *devices.Bus // where BARs go
	ECAMBase uint64       // guest-physical
	Buses    int          // that ECAM covers, 1 to 256; functions are on bus 0
	Log      *slog.Logger // nil to count only
}

// RootComplex is bus 0 and what leads to it, section 1.3.1. At 00:00.0 is a host
// bridge.
type RootComplex struct {
	memory  *devices.Bus
	base    uint64
	buses   int
	log     *slog.Logger
	windows []Window // complete before the guest runs; none for everywhere

	functions [slots * functions]atomic.Pointer[Function]
	address   atomic.Uint32 // CONFIG_ADDRESS

	departures atomic.Uint64 // of BARs from their places
	refused    atomic.Uint64
}

// refusedLines is the most lines about refused BARs in a machine's life.
const refusedLines = 16

// Stats are a root complex's counters.
type Stats struct {
	RefusedBARs uint64 // that a guest put where they cannot be
}

// NewRootComplex returns a root complex with a host bridge.
func NewRootComplex(c Config) *RootComplex {
	r := &RootComplex{memory: c.Memory, base: c.ECAMBase, buses: min(max(c.Buses, 1), 256), log: c.Log}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	// The ID is that of QEMU's generic PCI Express host bridge, which needs no
	// driver and has no quirks in kernels.
	bridge := NewFunction("host bridge", Identity{Vendor: 0x1b36, Device: 0x0008, Class: 0x060000})
	bridge.root = r
	r.functions[0].Store(bridge)
	return r
}

// Add puts f at 00:slot.0. Slot 0 is the host bridge's.
func (r *RootComplex) Add(slot int, f *Function) error { return r.AddFunction(slot, 0, f) }

// AddFunction puts f at 00:slot.number. A device needs a function 0.
func (r *RootComplex) AddFunction(slot, number int, f *Function) error {
	if slot < 0 || slot >= slots || number < 0 || number >= functions {
		return f.errorf("add at 00:%02x.%x: there are %d slots of %d functions", slot, number, slots, functions)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.root != nil {
		return f.errorf("add at 00:%02x.%x: %w", slot, number, errAttached)
	}
	if other := r.functions[slot*functions+number].Load(); other != nil {
		return f.errorf("add at 00:%02x.%x: %q is there", slot, number, other.name)
	}
	for i := range r.functions {
		// BARs are known to the memory bus by their function's name.
		if other := r.functions[i].Load(); other != nil && other.name == f.name {
			return f.errorf("add at 00:%02x.%x: that name is taken", slot, number)
		}
	}
	if number > 0 {
		first := r.functions[slot*functions].Load()
		if first == nil {
			return f.errorf("add at 00:%02x.%x: the device has no function 0", slot, number)
		}
		first.mu.Lock()
		first.space.value[regHeaderType] |= headerMultiFunction
		first.mu.Unlock()
		f.space.value[regHeaderType] |= headerMultiFunction
	}
	f.root = r
	r.functions[slot*functions+number].Store(f)
	return nil
}

// Stats returns the root complex's counters.
func (r *RootComplex) Stats() Stats { return Stats{RefusedBARs: r.refused.Load()} }

// decodes reports whether the root complex leads to these addresses.
func (r *RootComplex) decodes(base, size uint64) bool {
	for _, w := range r.windows {
		if w.holds(base, size) {
			return true
		}
	}
	return len(r.windows) == 0
}

// refuse counts a BAR that cannot be where the guest put it.
func (r *RootComplex) refuse(f *Function, b *bar, base uint64) {
	n := r.refused.Add(1)
	if n > refusedLines {
		return
	}
	r.log.LogAttrs(context.Background(), slog.LevelInfo, "BAR is nowhere: it was put where it cannot be",
		slog.String("function", f.name), slog.Int("bar", b.Index), slog.String("address", fmt.Sprintf("%#x", base)))
	if n == refusedLines {
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "further BARs that are nowhere are counted, not logged")
	}
}

// retry maps BARs whose place was taken, after another one has left.
func (r *RootComplex) retry() {
	for i := range r.functions {
		if f := r.functions[i].Load(); f != nil && f.refused.Load() > 0 {
			f.settle()
		}
	}
}
