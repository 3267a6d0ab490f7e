package cpuid

import "github.com/hullvm/hull/kvm"

// Leaves that are treated.
const (
	leafVendor       = 0x0
	leafFeatures     = 0x1
	leafCaches       = 0x4
	leafMWAIT        = 0x5
	leafPower        = 0x6
	leafExtended     = 0x7
	leafPMU          = 0xa
	leafTopology     = 0xb
	leafXSave        = 0xd
	leafRDT          = 0xf
	leafRDTAlloc     = 0x10
	leafSGX          = 0x12
	leafPT           = 0x14
	leafTSC          = 0x15
	leafFrequency    = 0x16
	leafTopologyV2   = 0x1f
	leafHypervisor   = 0x40000000
	leafExtVendor    = 0x80000000
	leafExtFeatures  = 0x80000001
	leafAddressSizes = 0x80000008
	leafSVM          = 0x8000000a
	leafAMDCaches    = 0x8000001d
	leafAMDTopology  = 0x8000001e
	leafSEV          = 0x8000001f
	leafAMDPMU       = 0x80000022
)

// Bits of leaf 1.
const (
	ecx1Monitor     = 1 << 3
	ecx1VMX         = 1 << 5
	ecx1PDCM        = 1 << 15
	ecx1X2APIC      = 1 << 21
	ecx1TSCDeadline = 1 << 24
	ecx1Hypervisor  = 1 << 31
	edx1HTT         = 1 << 28
)

// Bits of leaf 0x80000001, ECX.
const (
	ecxCmpLegacy  = 1 << 1
	ecxSVM        = 1 << 2
	ecxExtAPIC    = 1 << 3
	ecxOSVW       = 1 << 9
	ecxIBS        = 1 << 10
	ecxTopoExt    = 1 << 22
	ecxPerfCore   = 1 << 23
	ecxPerfNB     = 1 << 24
	ecxPerfLLC    = 1 << 28
	ecxMonitorX   = 1 << 29
	eax6ARAT      = 1 << 2
	hypervisorEnd = 0x40010000
)

// hide takes away what a guest could see and Hull does not virtualise: nested
// virtualisation, performance counters, MWAIT, power states, SGX, tracing.
func (t *Table) hide(o Options) {
	if e := t.find(leafFeatures, 0); e != nil {
		e.ECX &^= ecx1Monitor | ecx1VMX | ecx1PDCM | ecx1TSCDeadline
		e.ECX |= ecx1Hypervisor | ecx1X2APIC
		if o.TSCDeadline {
			e.ECX |= ecx1TSCDeadline
		}
	}
	if e := t.find(leafPower, 0); e != nil {
		// The local APIC's timer never stops, whatever the host's does.
		*e = kvm.CPUIDEntry{Function: leafPower, EAX: eax6ARAT}
	}
	if e := t.find(leafExtended, 0); e != nil {
		e.EBX &^= 1<<2 | 1<<12 | 1<<15 | 1<<25 // SGX, RDT monitoring and allocation, processor trace
		e.ECX &^= 1<<5 | 1<<30                 // WAITPKG, SGX launch control
	}
	if e := t.find(leafExtFeatures, 0); e != nil {
		e.ECX &^= ecxSVM | ecxExtAPIC | ecxOSVW | ecxIBS | ecxPerfCore | ecxPerfNB | ecxPerfLLC | ecxMonitorX
	}
}

// dropLeaves removes leaves that would describe what hide took away, or that are
// not known to be right in a guest. A leaf that is absent answers zero.
func (t *Table) dropLeaves() {
	tsc := t.find(leafTSC, 0)
	sane := tsc != nil && tsc.EAX != 0 && tsc.EBX != 0 && tsc.ECX != 0
	t.remove(func(e kvm.CPUIDEntry) bool {
		switch e.Function {
		case leafMWAIT, leafPMU, leafRDT, leafRDTAlloc, leafSGX, leafPT, leafSVM, leafSEV, leafAMDPMU,
			leafTopology, leafTopologyV2:
			return true
		case leafTSC, leafFrequency:
			return !sane
		}
		return false
	})
}

// addTopologyLeaves puts leaf 0xb, and 0x1f where the processor has it, in the
// place of the host's.
func (t *Table) addTopologyLeaves() {
	vendor := t.find(leafVendor, 0)
	if vendor == nil {
		return
	}
	top := vendor.EAX
	for _, leaf := range []uint32{leafTopology, leafTopologyV2} {
		if top < leaf {
			continue
		}
		tp := t.topology
		levels := []struct{ shift, count, kind int }{
			{tp.threadBits(), tp.ThreadsPerCore, 1},
			{tp.packageBits(), tp.threadsPerSocket(), 2},
			{0, 0, 0},
		}
		for i, l := range levels {
			t.entries = append(t.entries, kvm.CPUIDEntry{
				Function: leaf, Index: uint32(i), Flags: kvm.CPUIDSignificantIndex,
				EAX: uint32(l.shift), EBX: uint32(l.count), ECX: uint32(l.kind)<<8 | uint32(i),
			})
		}
	}
}

// personal makes an entry that of one vCPU.
func (t *Table) personal(e *kvm.CPUIDEntry, index int) {
	tp, id := t.topology, t.topology.APICID(index)
	threads := uint32(tp.threadsPerSocket())
	switch e.Function {
	case leafFeatures:
		// Room for the ids of a package, which is a power of two.
		room := uint32(1) << tp.packageBits()
		e.EBX = e.EBX&0x0000ffff | id<<24
		e.EDX &^= edx1HTT
		if room > 1 {
			e.EBX |= min(room, 255) << 16
			e.EDX |= edx1HTT
		}
	case leafCaches, leafAMDCaches:
		if e.EAX&0x1f == 0 {
			return // no more caches
		}
		sharing := uint32(tp.ThreadsPerCore)
		if level := e.EAX >> 5 & 7; level >= 3 {
			sharing = threads
		}
		e.EAX = e.EAX&^(0xfff<<14) | (min(sharing, 0x1000)-1)<<14
		if e.Function == leafCaches {
			e.EAX = e.EAX&^(0x3f<<26) | (min(uint32(tp.CoresPerSocket), 64)-1)<<26
		}
	case leafTopology, leafTopologyV2:
		e.EDX = id
	case leafExtFeatures:
		e.ECX &^= ecxCmpLegacy
		if threads > 1 && t.find(leafAMDTopology, 0) != nil {
			e.ECX |= ecxCmpLegacy
		}
	case leafAddressSizes:
		if e.ECX != 0 || t.find(leafAMDTopology, 0) != nil {
			e.ECX = uint32(tp.packageBits())<<12 | (min(threads, 256) - 1)
		}
	case leafAMDTopology:
		e.EAX = id
		e.EBX = uint32(tp.ThreadsPerCore-1)<<8 | uint32(tp.core(index))&0xff
		e.ECX = uint32(tp.socket(index)) & 0xff // one node a socket
	}
}
