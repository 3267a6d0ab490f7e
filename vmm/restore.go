package vmm

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/cpuid"
	"github.com/hullvm/hull/vmstate"
)

// restored is what a machine that was saved still has to be given when it starts:
// its time, which goes on only then.
type restored struct {
	origin Origin
	vm     *vmLoad
	vcpus  []*vcpuLoad
}

// restore gives a machine that was just made the state that one like it had. The
// machine is as paused afterwards; enter has it go on.
func (m *Machine) restore(s *vmstate.State, cpus *cpuid.Table) error {
	r, err := m.judge(s, cpus)
	if err != nil {
		return err
	}
	m.pauseDevices()
	if err := m.take(r, s); err != nil {
		return err
	}
	m.restored = r
	return nil
}

// take is restore of a state whose vCPUs and VM were judged, in a machine whose
// devices are paused.
func (m *Machine) take(r *restored, s *vmstate.State) error {
	xsave, scales := m.vm.Check(kvm.CapXSave2), m.scalesTSC()
	for i, l := range r.vcpus {
		if err := l.matchTSC(m.vcpus[i].fd, scales); err != nil {
			return fmt.Errorf("restore vCPU %d: %w", i, err)
		}
		if err := l.apply(m.vcpus[i], xsave); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if err := r.vm.apply(m.vm); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := m.loadDevices(s); err != nil {
		return err
	}
	return s.Unknown()
}

// judge reads the state of vCPUs and VM, and refuses what is not of a machine
// like this one, before anything of it is used.
func (m *Machine) judge(s *vmstate.State, cpus *cpuid.Table) (*restored, error) {
	vm, err := loadVM(s.In(vmSection))
	if err != nil {
		return nil, err
	}
	if err := vm.fits(s.In(vmSection), len(m.vcpus), m.memory.Size()); err != nil {
		return nil, err
	}
	r := &restored{vm: vm}
	for i := range m.vcpus {
		in := s.In(vcpuSection(i))
		l, err := loadVCPU(in)
		if err != nil {
			return nil, err
		}
		if err := cpuid.Compatible(l.cpuid, cpus.For(i)); err != nil {
			return nil, in.Refuse("%w", err)
		}
		r.vcpus = append(r.vcpus, l)
	}
	return r, nil
}

func (m *Machine) loadDevices(s *vmstate.State) error {
	var errs []error
	for _, p := range m.platform.all {
		errs = append(errs, p.device.Load(s.In(platformSection).At(p.name)))
	}
	if m.pci != nil {
		errs = append(errs, m.pci.load(s.In(pciSection)))
	}
	return errors.Join(errs...)
}
