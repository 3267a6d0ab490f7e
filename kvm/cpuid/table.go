package cpuid

import (
	"fmt"
	"slices"

	"github.com/hullvm/hull/kvm"
)

// Options say what a guest's processors are to be.
type Options struct {
	Model    Model // empty is Host
	Topology Topology

	// TSCDeadline says that KVM has the local APIC's TSC-deadline timer
	// (KVM_CAP_TSC_DEADLINE_TIMER), which its list of leaves does not say.
	TSCDeadline bool
}

// Table is what CPUID answers on each vCPU of a machine. It does not change.
type Table struct {
	topology Topology
	entries  []kvm.CPUIDEntry // without what differs between vCPUs
}

// Build makes a machine's table from what the host supports.
func Build(supported []kvm.CPUIDEntry, o Options) (*Table, error) {
	o.Topology = o.Topology.complete()
	if err := o.Topology.check(); err != nil {
		return nil, fmt.Errorf("CPU topology: %w", err)
	}
	t := &Table{topology: o.Topology, entries: slices.Clone(supported)}
	t.hide(o)
	if err := t.apply(o.Model); err != nil {
		return nil, err
	}
	t.dropLeaves()
	t.addTopologyLeaves()
	return t, nil
}

// Plain is a table for a machine that will not run: topology alone.
func Plain(topology Topology) *Table { return &Table{topology: topology.complete()} }

// VCPUs is how many vCPUs the table is for.
func (t *Table) VCPUs() int { return t.topology.VCPUs }

// APICID is the local APIC id of a vCPU.
func (t *Table) APICID(index int) uint32 { return t.topology.APICID(index) }

// GiantPages reports whether the vCPUs have pages of 1 GiB.
func (t *Table) GiantPages() bool {
	e := t.find(leafExtFeatures, 0)
	return e != nil && e.EDX&(1<<26) != 0
}

// For is what CPUID answers on one vCPU.
func (t *Table) For(index int) []kvm.CPUIDEntry {
	out := slices.Clone(t.entries)
	for i := range out {
		t.personal(&out[i], index)
	}
	return out
}

// find is the entry of a leaf in the shared part, nil where there is none.
func (t *Table) find(function, index uint32) *kvm.CPUIDEntry {
	for i := range t.entries {
		e := &t.entries[i]
		if e.Function == function && (e.Flags&kvm.CPUIDSignificantIndex == 0 || e.Index == index) {
			return e
		}
	}
	return nil
}

func (t *Table) remove(unwanted func(kvm.CPUIDEntry) bool) {
	t.entries = slices.DeleteFunc(t.entries, unwanted)
}
