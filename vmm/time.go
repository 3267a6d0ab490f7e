package vmm

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/hullvm/hull/kvm"
)

// startTime has the guest's clocks go on: kvm-clock, then the time-stamp counters of
// all vCPUs alike, at what they have to show beside it, then the timers that wait for
// a count of theirs. They go on from where they stood, so that the guest's monotonic
// time does not show the time that it was not there for, and its wall clock is its
// agent's to correct; those of a machine that was moved go on from where they would
// stand.
func (r *restored) startTime(m *Machine) error {
	var gap uint64
	if r.origin == Moved {
		gap = elapsed(r.vm.saved.Realtime, time.Now().UnixNano())
	}
	if err := m.vm.SetClock(kvm.ClockData{Clock: r.vm.saved.Clock + gap}); err != nil {
		return err
	}
	first := m.vcpus[0].fd
	var offset uint64
	byOffset := first.HasTSCOffset()
	if byOffset {
		before, err := first.TSCOffset()
		if err != nil {
			return err
		}
		now, err := readClocks(m.vm, first)
		if err != nil {
			return err
		}
		since := now.clock - r.vm.saved.Clock
		offset = before + r.vm.saved.TSC + cycles(since, r.vcpus[0].tscKHz) - now.tsc
	}
	for i, v := range m.vcpus {
		if err := r.setTSC(v.fd, byOffset, offset, gap); err != nil {
			return fmt.Errorf("vCPU %d: %w", i, err)
		}
	}
	for i, v := range m.vcpus {
		if err := r.vcpus[i].setDeadline(v.fd, r.vm.saved.TSC); err != nil {
			return fmt.Errorf("vCPU %d: %w", i, err)
		}
	}
	return nil
}

// clocks are kvm-clock, in ns, and a vCPU's time-stamp counter at one moment.
type clocks struct{ clock, tsc uint64 }

// readClocks reads both. A guest compares them: what lies between the two readings, at
// a save and again at a restore, would look to it as if one had stood still. So one is
// read before and after the other, and the closest of some tries counts.
func readClocks(vm *kvm.VM, fd *kvm.VCPU) (best clocks, err error) {
	const tries = 5
	shortest := uint64(math.MaxUint64)
	for range tries {
		before, err := readTSC(fd)
		if err != nil {
			return best, err
		}
		c, err := vm.GetClock()
		if err != nil {
			return best, err
		}
		after, err := readTSC(fd)
		if err != nil {
			return best, err
		}
		if took := after - before; took < shortest {
			shortest, best = took, clocks{clock: c.Clock, tsc: before + took/2}
		}
	}
	return best, nil
}

func readTSC(fd *kvm.VCPU) (uint64, error) {
	entries, err := fd.MSRs([]uint32{msrTSC})
	if err != nil {
		return 0, err
	}
	return entries[0].Data, nil
}

// cycles is how often a counter of so many kHz counts in ns nanoseconds, which are
// fewer than 2^64 counts.
func cycles(ns uint64, kHz uint32) uint64 {
	const perMilli = 1_000_000
	high, low := bits.Mul64(ns, uint64(kHz))
	if high >= perMilli {
		return math.MaxUint64
	}
	n, _ := bits.Div64(high, low, perMilli)
	return n
}

// setTSC sets a time-stamp counter: by its offset, the same for all vCPUs, or
// where KVM has none to set by a write, which KVM takes for the same when it
// comes soon after another vCPU's.
func (r *restored) setTSC(fd *kvm.VCPU, byOffset bool, offset, gap uint64) error {
	if byOffset {
		return fd.SetTSCOffset(offset)
	}
	return fd.SetMSRs([]kvm.MSREntry{{Index: msrTSC, Data: r.vm.saved.TSC + cycles(gap, r.vcpus[0].tscKHz)}})
}

// longestGap is the longest time that a machine is between two hosts. Hosts whose
// clocks are further apart do not know the time, and no guest is to jump by it.
const longestGap = time.Hour

// elapsed is how long a machine was nowhere, in ns, that was saved and goes on at
// these times of two hosts' wall clocks, in ns since 1970: 0 where they cannot be
// right.
func elapsed(saved, now int64) uint64 {
	gap := now - saved
	if saved <= 0 || now < saved || gap > int64(longestGap) {
		return 0
	}
	return uint64(gap)
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
	scaled, err := compareTSC(l.tscKHz, here, scales)
	if scaled {
		err = fd.SetTSCKHz(l.tscKHz)
	}
	return err
}

// compareTSC says whether a time-stamp counter of so many kHz has to be scaled on a
// host whose own counts so, or why it cannot go on here.
func compareTSC(saved, here uint32, scales bool) (scaled bool, err error) {
	apart := max(here, saved) - min(here, saved)
	switch {
	case uint64(apart)*1_000_000 <= uint64(here)*tscTolerance:
		return false, nil
	case scales && saved != 0:
		return true, nil
	}
	return false, fmt.Errorf("its time-stamp counter counted at %d kHz, this host's counts at %d, which KVM can not scale here", saved, here)
}

// scalesTSC reports whether vCPUs may count otherwise than the host.
func (m *Machine) scalesTSC() bool { return m.vm.Check(kvm.CapTSCControl) > 0 }
