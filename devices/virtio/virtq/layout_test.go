package virtq_test

import (
	"errors"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// Where a driver may put a queue and where not, in a megabyte of RAM.
func TestAQueuesAreasAreRAMAndAligned(t *testing.T) {
	const ram = 1 << 20
	m := virtqtest.NewMemory(t, ram)
	for _, test := range []struct {
		name   string
		packed bool
		l      virtq.Layout
		ok     bool
	}{
		{"usual", false, virtq.Layout{Size: 256, Desc: 0x1000, Driver: 0x2000, Device: 0x3000}, true},
		{"usual", true, virtq.Layout{Size: 256, Desc: 0x1000, Driver: 0x2000, Device: 0x3000}, true},
		{"at address 0", false, virtq.Layout{Size: 1}, true}, // overlapping, which hurts the driver alone
		{"at address 0", true, virtq.Layout{Size: 1}, true},

		{"no entries", false, virtq.Layout{Desc: 0x1000, Driver: 0x2000, Device: 0x3000}, false},
		{"no entries", true, virtq.Layout{Desc: 0x1000, Driver: 0x2000, Device: 0x3000}, false},
		{"no power of 2", false, virtq.Layout{Size: 3, Desc: 0x1000, Driver: 0x2000, Device: 0x3000}, false},
		{"no power of 2", true, virtq.Layout{Size: 3, Desc: 0x1000, Driver: 0x2000, Device: 0x3000}, true},
		{"most entries", false, virtq.Layout{Size: 32768, Device: 0x80000}, true},
		{"most entries", true, virtq.Layout{Size: 32768}, true},
		{"too many entries", false, virtq.Layout{Size: 32769}, false},
		{"too many entries", true, virtq.Layout{Size: 32769}, false},
		{"far too many entries", true, virtq.Layout{Size: 65535}, false},

		{"unaligned table", false, virtq.Layout{Size: 4, Desc: 0x1008, Driver: 0x2000, Device: 0x3000}, false},
		{"unaligned ring", true, virtq.Layout{Size: 4, Desc: 0x1008, Driver: 0x2000, Device: 0x3000}, false},
		{"unaligned available ring", false, virtq.Layout{Size: 4, Desc: 0x1000, Driver: 0x2001, Device: 0x3000}, false},
		{"available ring at a multiple of 2", false, virtq.Layout{Size: 4, Desc: 0x1000, Driver: 0x2002, Device: 0x3000}, true},
		{"driver events at a multiple of 2", true, virtq.Layout{Size: 4, Desc: 0x1000, Driver: 0x2002, Device: 0x3000}, false},
		{"unaligned used ring", false, virtq.Layout{Size: 4, Desc: 0x1000, Driver: 0x2000, Device: 0x3002}, false},
		{"unaligned device events", true, virtq.Layout{Size: 4, Desc: 0x1000, Driver: 0x2000, Device: 0x3002}, false},

		{"table up to the end", false, virtq.Layout{Size: 4, Desc: ram - 64}, true},
		{"table beyond the end", false, virtq.Layout{Size: 4, Desc: ram - 48}, false},
		{"ring up to the end", true, virtq.Layout{Size: 4, Desc: ram - 64}, true},
		{"ring beyond the end", true, virtq.Layout{Size: 4, Desc: ram - 48}, false},
		{"available ring up to the end", false, virtq.Layout{Size: 4, Driver: ram - 14}, true},
		{"available ring beyond the end", false, virtq.Layout{Size: 4, Driver: ram - 12}, false},
		{"used ring up to the end", false, virtq.Layout{Size: 4, Device: ram - 40}, true},
		{"used ring beyond the end", false, virtq.Layout{Size: 4, Device: ram - 36}, false},
		{"driver events at the end", true, virtq.Layout{Size: 4, Driver: ram - 4}, true},
		{"driver events beyond the end", true, virtq.Layout{Size: 4, Driver: ram}, false},
		{"device events beyond the end", true, virtq.Layout{Size: 4, Device: ram}, false},
		{"table at the last address", false, virtq.Layout{Size: 4, Desc: 1<<64 - 16}, false},
		{"ring at the last address", true, virtq.Layout{Size: 4, Desc: 1<<64 - 16}, false},
		{"used ring at the last address", false, virtq.Layout{Size: 4, Device: 1<<64 - 4}, false},
		{"device events at the last address", true, virtq.Layout{Size: 4, Device: 1<<64 - 4}, false},
	} {
		q, err := virtq.New(m.Guest, test.l, virtq.Options{Packed: test.packed})
		var broken *virtq.BrokenError
		if test.ok != (err == nil) || err != nil && (!errors.As(err, &broken) || q != nil) {
			t.Errorf("%s, packed %v: error %v, want one: %v", test.name, test.packed, err, !test.ok)
		}
	}
}

// A ring whose areas lie over each other is a mess of the driver's making: the
// device goes on or gives up, and that is all.
func TestOverlappingAreasHurtOnlyTheDriver(t *testing.T) {
	m := virtqtest.NewMemory(t, mem.PageSize)
	for _, packed := range []bool{false, true} {
		q, err := virtq.New(m.Guest, virtq.Layout{Size: 2}, virtq.Options{Packed: packed, EventIndex: true})
		if err != nil {
			t.Fatal(err)
		}
		var c virtq.Chain
		for range 100 {
			if ok, err := q.Next(&c); !ok || err != nil {
				break
			}
			_ = q.Done(&c, 1)
			_ = q.InterruptWanted()
			_ = q.SetKicks(true)
		}
	}
}
