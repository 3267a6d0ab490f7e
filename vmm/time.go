package vmm

import (
	"fmt"

	"github.com/hullvm/hull/kvm"
)

// startTime has the guest's clocks go on from where they stood: the time-stamp
// counters of all vCPUs alike, then kvm-clock, then the timers that wait for a
// count of the former. The guest's monotonic time does not show the time that it
// was not there for; its wall clock is its agent's to correct.
func (r *restored) startTime(m *Machine) error {
	var offset uint64
	first := m.vcpus[0]
	byOffset := first.fd.HasTSCOffset()
	if byOffset {
		host, err := hostTSC(first.fd)
		if err != nil {
			return err
		}
		offset = r.vm.saved.TSC - host
	}
	for i, v := range m.vcpus {
		if err := r.setTSC(v.fd, byOffset, offset); err != nil {
			return fmt.Errorf("vCPU %d: %w", i, err)
		}
	}
	if err := m.vm.SetClock(kvm.ClockData{Clock: r.vm.saved.Clock}); err != nil {
		return err
	}
	for i, v := range m.vcpus {
		if err := r.vcpus[i].setDeadline(v.fd, r.vm.saved.TSC); err != nil {
			return fmt.Errorf("vCPU %d: %w", i, err)
		}
	}
	return nil
}

// hostTSC is the host's time-stamp counter, as a vCPU shows it.
func hostTSC(fd *kvm.VCPU) (uint64, error) {
	offset, err := fd.TSCOffset()
	if err != nil {
		return 0, err
	}
	now, err := fd.MSRs([]uint32{msrTSC})
	if err != nil {
		return 0, err
	}
	return now[0].Data - offset, nil
}

// setTSC sets a time-stamp counter: by its offset, the same for all vCPUs, or
// where KVM has none to set by a write, which KVM takes for the same when it
// comes soon after another vCPU's.
func (r *restored) setTSC(fd *kvm.VCPU, byOffset bool, offset uint64) error {
	if byOffset {
		return fd.SetTSCOffset(offset)
	}
	return fd.SetMSRs([]kvm.MSREntry{{Index: msrTSC, Data: r.vm.saved.TSC}})
}

// setDeadline arms the local APIC's timer. One that is in use and was not armed
// may have expired with its interrupt on the way, which no register shows: it
// expires again, since a guest bears an interrupt too many and not one too few.
func (l *vcpuLoad) setDeadline(fd *kvm.VCPU, now uint64) error {
	deadline := l.deadline
	if deadline == 0 && l.waitsForDeadline() {
		deadline = now
	}
	if deadline == 0 {
		return nil
	}
	return fd.SetMSRs([]kvm.MSREntry{{Index: msrTSCDeadline, Data: deadline}})
}

// tscTolerance is how far two rates of time-stamp counters may be apart, in parts
// per million, to pass for the same: what a guest's clocks correct by themselves.
const tscTolerance = 250

// matchTSC has the vCPU's time-stamp counter count at the rate it had.
func (l *vcpuLoad) matchTSC(fd *kvm.VCPU, scales bool) error {
	here, err := fd.TSCKHz()
	if err != nil {
		return err
	}
	apart := max(here, l.tscKHz) - min(here, l.tscKHz)
	switch {
	case uint64(apart)*1_000_000 <= uint64(here)*tscTolerance:
		return nil
	case scales && l.tscKHz != 0:
		return fd.SetTSCKHz(l.tscKHz)
	}
	return fmt.Errorf("its time-stamp counter counted at %d kHz, this host's counts at %d, which KVM can not scale here", l.tscKHz, here)
}
