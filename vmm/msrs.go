package vmm

import (
	"slices"

	"github.com/hullvm/hull/kvm"
)

// Model-specific registers of time (Intel SDM volume 4, 2.1), which are set apart
// from the others.
const (
	msrTSC         = 0x10
	msrTSCDeadline = 0x6e0
)

var msrsOfTime = []uint32{msrTSC, msrTSCDeadline}

// unlisted are registers that belong to a vCPU's state and that KVM's list leaves
// out: the memory types of ranges (SDM volume 3, 12.11.2), and those of KVM's own
// range that came with later versions.
func unlisted() []uint32 {
	list := []uint32{0x250, 0x258, 0x259, msrMTRRDefType, msrTSCDeadline}
	for i := range uint32(16) {
		list = append(list, 0x200+i) // variable ranges: base and mask
	}
	for i := range uint32(8) {
		list = append(list, 0x268+i) // fixed ranges of 4 KiB
	}
	for i := range uint32(16) {
		list = append(list, 0x4b564d00+i) // KVM's own
	}
	return list
}

// stateMSRs are the registers that are saved, but for the time-stamp counter.
func stateMSRs(system *kvm.System) ([]uint32, error) {
	list, err := system.MSRIndexList()
	if err != nil {
		return nil, err
	}
	list = append(list, unlisted()...)
	slices.Sort(list)
	list = slices.Compact(list)
	return slices.DeleteFunc(list, func(index uint32) bool { return index == msrTSC }), nil
}
