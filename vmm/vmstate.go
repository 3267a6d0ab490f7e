package vmm

import (
	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// vmSaved is what the VM itself keeps: its clock, and KVM's own chips as the
// bytes that KVM's interface gives them.
type vmSaved struct {
	Clock     uint64 `cbor:"1,keyasint"` // kvm-clock, ns
	TSC       uint64 `cbor:"2,keyasint"` // the guest's time-stamp counter then
	Realtime  int64  `cbor:"3,keyasint"` // the host's time then, ns since 1970
	PIT       []byte `cbor:"4,keyasint"` // struct kvm_pit_state2
	PICMaster []byte `cbor:"5,keyasint"` // struct kvm_irqchip, as the next two
	PICSlave  []byte `cbor:"6,keyasint"`
	IOAPIC    []byte `cbor:"7,keyasint"`
	VCPUs     uint32 `cbor:"8,keyasint"`
	Memory    uint64 `cbor:"9,keyasint"` // bytes of RAM
}

const vmVersion = 1

// readChips reads the timer and the interrupt controllers.
func (s *vmSaved) readChips(vm *kvm.VM) error {
	pit, err := vm.GetPIT2()
	if err != nil {
		return err
	}
	s.PIT = kvm.Bytes(&pit)
	for id, into := range map[uint32]*[]byte{kvm.PICMaster: &s.PICMaster, kvm.PICSlave: &s.PICSlave, kvm.IOAPIC: &s.IOAPIC} {
		chip, err := vm.GetIRQChip(id)
		if err != nil {
			return err
		}
		*into = kvm.Bytes(&chip)
	}
	return nil
}

// vmLoad is the VM's state as it is given back to KVM.
type vmLoad struct {
	saved vmSaved
	pit   kvm.PITState
	chips []kvm.IRQChip
}

// loadVM reads and judges the VM's section.
func loadVM(in vmstate.In) (*vmLoad, error) {
	l := new(vmLoad)
	if _, err := in.Get(vmVersion, &l.saved); err != nil {
		return nil, err
	}
	var err error
	if l.pit, err = kvm.FromBytes[kvm.PITState](l.saved.PIT); err != nil {
		return nil, in.Refuse("%w", err)
	}
	for id, b := range [][]byte{kvm.PICMaster: l.saved.PICMaster, kvm.PICSlave: l.saved.PICSlave, kvm.IOAPIC: l.saved.IOAPIC} {
		chip, err := kvm.FromBytes[kvm.IRQChip](b)
		if err != nil || chip.ID != uint32(id) {
			return nil, in.Refuse("interrupt controller %d has the state of %d: %w", id, chip.ID, err)
		}
		l.chips = append(l.chips, chip)
	}
	return l, nil
}

// apply gives the chips their state.
func (l *vmLoad) apply(vm *kvm.VM) error {
	if err := vm.SetPIT2(l.pit); err != nil {
		return err
	}
	for _, c := range l.chips {
		if err := vm.SetIRQChip(c); err != nil {
			return err
		}
	}
	return nil
}

// fits refuses a state of another machine.
func (l *vmLoad) fits(in vmstate.In, vcpus int, memory uint64) error {
	if l.saved.VCPUs != uint32(vcpus) || l.saved.Memory != memory {
		return in.Refuse("it is of a machine with %d vCPUs and %s of RAM, and this one has %d and %s",
			l.saved.VCPUs, mem.FormatSize(l.saved.Memory), vcpus, mem.FormatSize(memory))
	}
	return nil
}
