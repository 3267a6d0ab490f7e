package vmm

import (
	"fmt"
	"slices"

	"github.com/hullvm/hull/boot"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/kvm/cpuid"
)

// Model-specific registers set at power-on (Intel SDM volume 4, 2.1).
const (
	msrMiscEnable  = 0x1a0
	msrMTRRDefType = 0x2ff

	miscEnableFastString = 1 << 0
	mtrrEnable           = 1 << 11
	mtrrWriteBack        = 6
)

// describeCPUs makes the CPUID tables of the machine's vCPUs.
func (m *Machine) describeCPUs(c configs.CPU) (*cpuid.Table, error) {
	supported, err := m.system.SupportedCPUID()
	if err != nil {
		return nil, err
	}
	table, err := cpuid.Build(supported, cpuid.Options{Model: cpuid.Model(c.Model), Topology: topology(c), TSCDeadline: m.system.Check(kvm.CapTSCDeadlineTimer) > 0})
	if err != nil {
		return nil, fmt.Errorf("cpu.model: %w", err)
	}
	return table, nil
}

func topology(c configs.CPU) cpuid.Topology {
	return cpuid.Topology{VCPUs: c.Count, ThreadsPerCore: c.ThreadsPerCore, CoresPerSocket: c.CoresPerSocket}
}

// addVCPUs makes the vCPUs.
func (m *Machine) addVCPUs(cpus *cpuid.Table) error {
	exits := &exitHandler{ports: m.platform.ports, mmio: m.platform.mmio, end: m.end, log: m.log}
	for i := range cpus.VCPUs() {
		fd, err := m.vm.CreateVCPU(cpus.APICID(i))
		if err != nil {
			return err
		}
		m.vcpus = append(m.vcpus, newVCPU(i, fd, exits, &m.ending))
	}
	return nil
}

// setCPUID says what CPUID answers.
func (v *vcpu) setCPUID(entries []kvm.CPUIDEntry) error {
	if v.cpuid != nil && slices.Equal(v.cpuid, entries) {
		return nil
	}
	v.cpuid = entries
	return v.fd.SetCPUID2(entries)
}

// powerOn makes the vCPUs what they are at power-on. The first starts where start
// says; the others wait for its INIT and SIPI, as KVM's local APIC makes them.
func (m *Machine) powerOn(cpus *cpuid.Table, start boot.Start) error {
	for i, v := range m.vcpus {
		if err := v.setCPUID(cpus.For(i)); err != nil {
			return err
		}
		// Firmware would leave RAM cached; KVM's power-on state has it uncached.
		err := v.fd.SetMSRs([]kvm.MSREntry{
			{Index: msrMiscEnable, Data: miscEnableFastString},
			{Index: msrMTRRDefType, Data: mtrrEnable | mtrrWriteBack},
		})
		if err != nil {
			return err
		}
	}
	return setBootState(m.vcpus[0].fd, start)
}

// setBootState puts a vCPU where the boot protocol wants it.
func setBootState(fd *kvm.VCPU, start boot.Start) error {
	sregs, err := fd.SRegs() // for what start has no word about, such as the APIC base
	if err != nil {
		return err
	}
	sregs.CR0, sregs.CR3, sregs.CR4, sregs.EFER = start.CR0, start.CR3, start.CR4, start.EFER
	sregs.CS, sregs.DS, sregs.ES = segment(start.CS), segment(start.DS), segment(start.ES)
	sregs.FS, sregs.GS, sregs.SS = segment(start.FS), segment(start.GS), segment(start.SS)
	sregs.TR, sregs.LDT = segment(start.TR), segment(start.LDT)
	sregs.GDT = kvm.DTable{Base: start.GDT.Base, Limit: start.GDT.Limit}
	sregs.IDT = kvm.DTable{Base: start.IDT.Base, Limit: start.IDT.Limit}
	if err := fd.SetSRegs(sregs); err != nil {
		return err
	}
	return fd.SetRegs(kvm.Regs{
		RIP: start.RIP, RSP: start.RSP, RSI: start.RSI, RBX: start.RBX, RFLAGS: start.RFLAGS,
	})
}

func segment(s boot.Segment) kvm.Segment {
	out := kvm.Segment{
		Base: s.Base, Limit: s.Limit, Selector: s.Selector,
		Type: s.Type, Present: s.Present, DPL: s.DPL, DB: s.DB, S: s.S, L: s.L, G: s.G, AVL: s.AVL,
	}
	if s.Present == 0 {
		out.Unusable = 1
	}
	return out
}
