package vmm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/cpuid"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// traits are what a machine must have that another one can go on as. Between hosts
// they are sections of a vmstate.State.
type traits struct {
	machine  machineTraits
	cpuid    cpuidTraits
	sections []sectionTraits
	devices  []deviceTraits
}

type machineTraits struct {
	VCPUs    uint32      `cbor:"1,keyasint"`
	TSCKHz   uint32      `cbor:"2,keyasint"`
	XSave    uint32      `cbor:"3,keyasint"` // bytes of a vCPU's extended state
	PageSize uint32      `cbor:"4,keyasint"` // bytes
	Slots    [][2]uint64 `cbor:"5,keyasint"` // address and bytes, of RAM
}

// cpuidTraits are what CPUID answers; an entry is as in vcpuSaved.
type cpuidTraits struct {
	First  [][7]uint32   `cbor:"1,keyasint"` // on the first vCPU
	Others [][][7]uint32 `cbor:"2,keyasint"` // and on each other one, where that is otherwise
}

// sectionTraits are a section of the state without its value.
type sectionTraits struct {
	Name     string `cbor:"1,keyasint"`
	Version  uint16 `cbor:"2,keyasint"`
	Optional bool   `cbor:"3,keyasint"`
}

// deviceTraits are a device of the PCI bus, which has them in order.
type deviceTraits struct {
	Name    string   `cbor:"1,keyasint"` // for messages
	Type    uint16   `cbor:"2,keyasint"`
	Offered uint64   `cbor:"3,keyasint"` // features
	Queues  []uint16 `cbor:"4,keyasint"` // the most entries of each
}

// Sections of a description, and their newest versions.
const (
	machineSection  = "machine"
	cpuidSection    = "cpuid"
	sectionsSection = "sections"
	devicesSection  = "devices"

	traitsVersion = 1
)

// put writes the sections.
func (t *traits) put(s *vmstate.State) error {
	return errors.Join(
		s.Out(machineSection).Put(traitsVersion, t.machine),
		s.Out(cpuidSection).Put(traitsVersion, t.cpuid),
		s.Out(sectionsSection).Put(traitsVersion, t.sections),
		s.Out(devicesSection).Put(traitsVersion, t.devices),
	)
}

// getTraits reads the sections.
func getTraits(s *vmstate.State) (*traits, error) {
	t := new(traits)
	for _, part := range []struct {
		name string
		into any
	}{{machineSection, &t.machine}, {cpuidSection, &t.cpuid}, {sectionsSection, &t.sections}, {devicesSection, &t.devices}} {
		if _, err := s.In(part.name).Get(traitsVersion, part.into); err != nil {
			return nil, err
		}
	}
	return t, errors.Join(t.check(), s.Unknown())
}

// maxLeaves is how many answers of CPUID KVM takes for a vCPU.
const maxLeaves = 256

// check refuses more than there can be.
func (t *traits) check() error {
	many := func(list [][7]uint32) bool { return len(list) > maxLeaves }
	if many(t.cpuid.First) || slices.ContainsFunc(t.cpuid.Others, many) {
		return fmt.Errorf("more than %d answers of CPUID on a vCPU", maxLeaves)
	}
	if len(t.sections) > vmstate.MaxSections {
		return fmt.Errorf("a state of %d sections: at most %d", len(t.sections), vmstate.MaxSections)
	}
	return nil
}

// traits are the machine's, whose devices are paused or were never active. The rate of
// the time-stamp counter is for the caller to ask.
func (m *Machine) traits(leaves func(vcpu int) []kvm.CPUIDEntry) (*traits, error) {
	s := vmstate.New()
	if err := m.saveDevices(s); err != nil {
		return nil, err
	}
	t := &traits{machine: machineTraits{
		VCPUs: uint32(len(m.vcpus)), XSave: uint32(max(m.vm.Check(kvm.CapXSave2), minXSave)), PageSize: mem.PageSize,
	}}
	for _, slot := range m.memory.Slots() {
		t.machine.Slots = append(t.machine.Slots, [2]uint64{uint64(slot.Base), slot.Size})
	}
	for i := range m.vcpus {
		t.cpuid.add(leaves(i))
		t.sections = append(t.sections, sectionTraits{Name: vcpuSection(i), Version: vcpuVersion})
	}
	t.sections = append(t.sections, sectionTraits{Name: vmSection, Version: vmVersion})
	for _, sec := range s.Sections() {
		t.sections = append(t.sections, sectionTraits(sec))
	}
	if m.pci == nil {
		return t, nil
	}
	for i, transport := range m.pci.transports {
		d := m.devices[i]
		t.devices = append(t.devices, deviceTraits{
			Name: transport.Function().Name(), Type: uint16(d.ID()), Offered: transport.Offered(), Queues: d.QueueSizes(),
		})
	}
	return t, nil
}

// add adds the next vCPU's answers.
func (t *cpuidTraits) add(leaves []kvm.CPUIDEntry) {
	list := packCPUID(leaves)
	if t.First == nil {
		t.First = list
		return
	}
	other := [][7]uint32{}
	for _, l := range list {
		if !slices.Contains(t.First, l) {
			other = append(other, l)
		}
	}
	t.Others = append(t.Others, other)
}

// vcpu is what CPUID answers on a vCPU.
func (t *cpuidTraits) vcpu(i int) []kvm.CPUIDEntry {
	list := slices.Clone(t.First)
	if i > 0 {
		for _, other := range t.Others[i-1] {
			same := func(l [7]uint32) bool { return l[0] == other[0] && l[1] == other[1] }
			list = append(slices.DeleteFunc(list, same), other)
		}
	}
	return unpackCPUID(list)
}

// misfits are why a machine with the traits t cannot go on as one with the traits here.
// scales says whether vCPUs' time-stamp counters may count otherwise than the host's.
func (t *traits) misfits(here *traits, scales bool) []string {
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	a, b := &t.machine, &here.machine
	if !slices.Equal(a.Slots, b.Slots) || a.PageSize != b.PageSize {
		add("memory: it has %s in pages of %d, and here it is %s in pages of %d", formatSlots(a.Slots), a.PageSize, formatSlots(b.Slots), b.PageSize)
	}
	if _, err := compareTSC(a.TSCKHz, b.TSCKHz, scales); err != nil {
		add("%v", err)
	}
	if a.XSave > b.XSave {
		add("its vCPUs have an extended state of %d bytes, this host's of %d", a.XSave, b.XSave)
	}
	if a.VCPUs != b.VCPUs || int(a.VCPUs) != 1+len(t.cpuid.Others) {
		add("vCPUs: it has %d, with CPUID for %d, and here there are %d", a.VCPUs, 1+len(t.cpuid.Others), b.VCPUs)
	} else if err := t.cpuid.compatible(&here.cpuid); err != nil {
		add("%v", err)
	}
	list = append(list, sectionMisfits(t.sections, here.sections)...)
	return append(list, deviceMisfits(t.devices, here.devices)...)
}

// compatible says what vCPUs would miss: one speaks for all, since they mostly miss
// the same. Both are of as many vCPUs.
func (t *cpuidTraits) compatible(here *cpuidTraits) error {
	for i := range 1 + len(t.Others) {
		if err := cpuid.Compatible(t.vcpu(i), here.vcpu(i)); err != nil {
			return err
		}
	}
	return nil
}

func sectionMisfits(there, here []sectionTraits) (list []string) {
	known := make(map[string]sectionTraits)
	for _, sec := range here {
		known[sec.Name] = sec
	}
	for _, sec := range there {
		own, ok := known[sec.Name]
		delete(known, sec.Name)
		switch {
		case !ok && !sec.Optional:
			list = append(list, fmt.Sprintf("state %.64q: this version of Hull, or this machine, does not know it", sec.Name))
		case ok && (sec.Version == 0 || sec.Version > own.Version):
			list = append(list, fmt.Sprintf("state %.64q: its version is %d, and this version of Hull knows 1 to %d", sec.Name, sec.Version, own.Version))
		}
	}
	for _, sec := range here {
		if _, missed := known[sec.Name]; missed && !sec.Optional {
			list = append(list, fmt.Sprintf("state %q: it is missing", sec.Name))
		}
	}
	return list
}

func deviceMisfits(there, here []deviceTraits) (list []string) {
	if len(there) != len(here) {
		return []string{fmt.Sprintf("PCI bus: it has %d devices, and here there are %d", len(there), len(here))}
	}
	for i, a := range there {
		b := here[i]
		switch missing := a.Offered &^ b.Offered; {
		case a.Type != b.Type:
			list = append(list, fmt.Sprintf("PCI device %s: %.64q is of type %d, and %q here of type %d", PCIAddress(i), a.Name, a.Type, b.Name, b.Type))
		case !slices.Equal(a.Queues, b.Queues):
			list = append(list, fmt.Sprintf("%s: it has other queues, or as many of another size", b.Name))
		case missing != 0:
			list = append(list, fmt.Sprintf("%s: it has features %#x, of which %#x are missing here", b.Name, a.Offered, missing))
		}
	}
	return list
}

func formatSlots(slots [][2]uint64) string {
	const most = 8
	text := ""
	for i, s := range slots[:min(len(slots), most)] {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s at %#x", mem.FormatSize(s[1]), s[0])
	}
	if n := len(slots) - most; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}
