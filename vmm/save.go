package vmm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/vmstate"
)

// Save writes the state of a paused machine into s: all but what its RAM holds.
// The machine can go on afterwards. What RAM holds belongs to it only until then,
// and is to be read after Save: reading the state of a vCPU may write to it.
// ErrNotPaused answers for a machine that is not paused.
func (m *Machine) Save(ctx context.Context, s *vmstate.State) error {
	return m.ask(ctx, request{kind: requestSave, state: s})
}

// TSCKHz is the rate of the guest's time-stamp counter, in kHz, once the machine
// was saved.
func (m *Machine) TSCKHz() uint32 { return m.tscKHz.Load() }

// save is Save, on the driver's goroutine. The vCPUs are held, and the devices
// paused. KVM's chips come after the vCPUs, which can still move them when their
// state is read; the devices come last.
func (m *Machine) save(s *vmstate.State) error {
	msrs, err := stateMSRs(m.system)
	if err != nil {
		return err
	}
	saved := vmSaved{VCPUs: uint32(len(m.vcpus)), Memory: m.memory.Size()}
	states := make([]*vcpuSaved, len(m.vcpus))
	xsave := m.vm.Check(kvm.CapXSave2)
	err = m.everyVCPU(func(v *vcpu) (err error) {
		if v.index == 0 { // the one whose time is everyone's
			if err := saved.readTime(m.vm, v.fd); err != nil {
				return err
			}
		}
		states[v.index], err = saveVCPU(v, msrs, xsave)
		return err
	}, toHeld)
	if err != nil {
		return err
	}
	m.tscKHz.Store(states[0].TSCKHz)
	for i, state := range states {
		if err := s.Out(vcpuSection(i)).Put(vcpuVersion, state); err != nil {
			return err
		}
	}
	if err := saved.readChips(m.vm); err != nil {
		return err
	}
	if err := s.Out(vmSection).Put(vmVersion, saved); err != nil {
		return err
	}
	return m.saveDevices(s)
}

// Names of sections.
const (
	vmSection       = "vm"
	platformSection = "platform"
	pciSection      = "pci"
)

func vcpuSection(i int) string { return fmt.Sprintf("vcpu/%d", i) }

func (m *Machine) saveDevices(s *vmstate.State) error {
	var errs []error
	for _, p := range m.platform.all {
		errs = append(errs, p.device.Save(s.Out(platformSection).At(p.name)))
	}
	if m.pci != nil {
		errs = append(errs, m.pci.save(s.Out(pciSection)))
	}
	return errors.Join(errs...)
}

// readTime reads what the guest's clocks show, on a vCPU's thread.
func (s *vmSaved) readTime(vm *kvm.VM, fd *kvm.VCPU) error {
	now, err := readClocks(vm, fd)
	if err != nil {
		return err
	}
	s.Clock, s.TSC, s.Realtime = now.clock, now.tsc, time.Now().UnixNano()
	return nil
}
