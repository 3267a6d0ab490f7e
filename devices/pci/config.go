package pci

import (
	"encoding/binary"

	"github.com/hullvm/hull/devices"
)

// Regions lists what belongs on the memory bus: configuration space by ECAM,
// section 7.2.2.
func (r *RootComplex) Regions() []devices.Region {
	return []devices.Region{{Name: "PCI ECAM", Base: r.base, Size: uint64(r.buses) * busSize, Handler: (*ecam)(r)}}
}

// PortRegions lists what belongs on the port bus: CONFIG_ADDRESS, CONFIG_DATA,
// and others, which is what else will be on it. Those of them that lie within
// CONFIG_ADDRESS are left out and answer accesses of less than four bytes.
func (r *RootComplex) PortRegions(others ...devices.Region) []devices.Region {
	address := &configAddress{root: r}
	regions := []devices.Region{
		{Name: "PCI CONFIG_ADDRESS", Base: portAddress, Size: portSize, Handler: address, Whole: true},
		{Name: "PCI CONFIG_DATA", Base: portData, Size: portSize, Handler: (*configData)(r)},
	}
	for _, o := range others {
		if o.Base >= portAddress && o.Base < portData && o.Size <= portData-o.Base {
			address.within = append(address.within, o)
		} else {
			regions = append(regions, o)
		}
	}
	return regions
}

// access carries out one access to the configuration space of bus, at off in
// the bus's ECAM. It may pass from one function into the next.
func (r *RootComplex) access(bus int, off uint64, p []byte, write bool) {
	for len(p) > 0 {
		at := int(off % functionSize)
		n := min(len(p), functionSize-at)
		var f *Function
		if i := off / functionSize; bus == 0 && i < uint64(len(r.functions)) {
			f = r.functions[i].Load()
		}
		switch {
		case f != nil && write:
			f.write(at, p[:n])
		case f != nil:
			f.read(at, p[:n])
		case !write:
			ones(p[:n])
		}
		off, p = off+uint64(n), p[n:]
	}
}

func ones(p []byte) {
	for i := range p {
		p[i] = 0xff
	}
}

// ecam is configuration space in memory.
type ecam RootComplex

func (e *ecam) Read(off uint64, p []byte) {
	(*RootComplex)(e).access(int(off/busSize), off%busSize, p, false)
}

func (e *ecam) Write(off uint64, p []byte) {
	(*RootComplex)(e).access(int(off/busSize), off%busSize, p, true)
}

// configAddress is the register that selects what CONFIG_DATA is.
type configAddress struct {
	root   *RootComplex
	within []devices.Region
}

func (a *configAddress) Read(off uint64, p []byte) {
	if len(p) == portSize {
		binary.LittleEndian.PutUint32(p, a.root.address.Load())
		return
	}
	if r, at := a.find(off, len(p)); r != nil {
		r.Handler.Read(at, p)
		return
	}
	ones(p)
}

func (a *configAddress) Write(off uint64, p []byte) {
	if len(p) == portSize {
		a.root.address.Store(binary.LittleEndian.Uint32(p) & addrWritable)
		return
	}
	if r, at := a.find(off, len(p)); r != nil {
		r.Handler.Write(at, p)
	}
}

// find returns the region within that holds all of an access.
func (a *configAddress) find(off uint64, n int) (*devices.Region, uint64) {
	addr := portAddress + off
	for i := range a.within {
		r := &a.within[i]
		if addr >= r.Base && addr+uint64(n) <= r.Base+r.Size {
			return r, addr - r.Base
		}
	}
	return nil, 0
}

// configData is the register that CONFIG_ADDRESS selects.
type configData RootComplex

func (d *configData) Read(off uint64, p []byte) { (*RootComplex)(d).selected(off, p, false) }

func (d *configData) Write(off uint64, p []byte) { (*RootComplex)(d).selected(off, p, true) }

func (r *RootComplex) selected(off uint64, p []byte, write bool) {
	address := r.address.Load()
	if address&addrEnable == 0 {
		if !write {
			ones(p)
		}
		return
	}
	// Bus in bits 16 to 23, slot in 11 to 15, function in 8 to 10, register in 2
	// to 7.
	at := uint64(address>>8&0xff)*functionSize + uint64(address&0xfc) + off
	r.access(int(address>>16&0xff), at, p, write)
}
