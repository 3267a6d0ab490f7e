// Package ring0 measures whether a KVM runs a guest's kernel code, or emulates
// it instruction by instruction: some hosts' KVM can do no more, and a kernel
// that takes a second elsewhere takes minutes there, or dies of an instruction
// that the emulator lacks.
package ring0

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/kvm"
	"github.com/hullvm/hull/mem"
)

// Rounds of the loop that is timed: first a few, which bounds how long the
// slowest KVM takes.
const (
	fewRounds  = 100
	manyRounds = 10000
	tries      = 5

	// hopeless is how long the few rounds take at most where the many are worth
	// their time.
	hopeless = 50 * time.Millisecond
)

// slow is the time of one round of two instructions that no KVM which runs them
// needs. Hardware takes under 2 ns and software emulation of the whole host some
// 6 ns; emulation by KVM takes 1,000 ns and more.
const slow = 100 * time.Nanosecond

// Result is how fast a KVM runs kernel code.
type Result struct {
	Round time.Duration // one round of a loop of two instructions in ring 0, fractions cut off
	Loop  time.Duration // all rounds
	Count int           // how many
}

// Able reports whether the KVM runs kernel code.
func (r Result) Able() bool { return r.Loop < time.Duration(r.Count)*slow }

func (r Result) String() string {
	ns := float64(r.Loop.Nanoseconds()) / float64(max(r.Count, 1))
	if r.Able() {
		return fmt.Sprintf("runs kernel code: %.1f ns for two instructions", ns)
	}
	return fmt.Sprintf("emulates kernel code: %.0f ns for two instructions", ns)
}

// Addresses in the page that the probe runs in, and the ports it says where it
// is by.
const (
	codeAddr  = 0x1000
	portBegin = 0x10
	portEnd   = 0x11
)

// code is: out portBegin; 1: dec ecx; jnz 1b; out portEnd; hlt.
var code = []byte{0xe6, portBegin, 0x49, 0x75, 0xfd, 0xe6, portEnd, 0xf4}

// Measure times a loop in ring 0 of a machine of two pages. It takes under a
// second on the slowest KVM known.
func Measure(system *kvm.System) (_ Result, err error) {
	// One thread runs the vCPU, as KVM wants it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	memory, err := mem.New(mem.Options{Size: 2 * mem.PageSize})
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	if err := memory.WriteAt(code, codeAddr); err != nil {
		return Result{}, err
	}
	vm, err := system.CreateVM()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	if err := prepare(vm, memory); err != nil {
		return Result{}, err
	}
	vcpu, err := vm.CreateVCPU(0)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, vcpu.Close()) }()

	// The first run pays for faults, and tells whether more can be asked for.
	took, err := loop(vcpu, fewRounds)
	if err != nil {
		return Result{}, err
	}
	best := result(took, fewRounds)
	if took > hopeless {
		return best, nil
	}
	// A busy host makes single runs long: the shortest counts.
	for i := range tries {
		took, err := loop(vcpu, manyRounds)
		if err != nil {
			return Result{}, err
		}
		if i == 0 || took < best.Loop {
			best = result(took, manyRounds)
		}
		if best.Able() {
			break
		}
	}
	return best, nil
}

func result(took time.Duration, rounds int) Result {
	return Result{Round: took / time.Duration(rounds), Loop: took, Count: rounds}
}

func prepare(vm *kvm.VM, memory *mem.Guest) error {
	if err := vm.SetIdentityMapAddr(uint64(mem.KVMIdentityMap)); err != nil {
		return err
	}
	if err := vm.SetTSSAddr(uint32(mem.KVMTSS)); err != nil {
		return err
	}
	slot := memory.Slots()[0]
	return vm.SetUserMemoryRegion(kvm.MemoryRegion{Size: slot.Size, HostAddr: slot.Host})
}

// loop runs the code once and returns the time between its two exits.
func loop(vcpu *kvm.VCPU, rounds int) (time.Duration, error) {
	sregs, err := vcpu.SRegs()
	if err != nil {
		return 0, err
	}
	flat := kvm.Segment{Limit: 0xffffffff, Present: 1, S: 1, DB: 1, G: 1}
	sregs.CS, sregs.DS = flat, flat
	sregs.CS.Type, sregs.CS.Selector = 0xb, 8
	sregs.DS.Type, sregs.DS.Selector = 3, 16
	sregs.ES, sregs.FS, sregs.GS, sregs.SS = sregs.DS, sregs.DS, sregs.DS, sregs.DS
	sregs.CR0 |= 1 // PE: flat 32-bit mode
	if err := vcpu.SetSRegs(sregs); err != nil {
		return 0, err
	}
	if err := vcpu.SetRegs(kvm.Regs{RIP: codeAddr, RCX: uint64(rounds), RFLAGS: 2}); err != nil {
		return 0, err
	}
	if err := runTo(vcpu, portBegin); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := runTo(vcpu, portEnd); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// runTo runs until the guest writes to port.
func runTo(vcpu *kvm.VCPU, port uint16) error {
	for {
		err := vcpu.Run()
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case vcpu.ExitReason() == kvm.ExitIntr:
			continue
		case vcpu.ExitReason() == kvm.ExitIO && vcpu.IO().Port == port:
			return nil
		default:
			return fmt.Errorf("probe in ring 0: KVM exit %v: %s", vcpu.ExitReason(), vcpu.ExitDetail())
		}
	}
}

// ProcessorFlag is the flag by which this host's processor says that it has
// virtualisation, "vmx" or "svm", or nothing.
func ProcessorFlag() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	return processorFlag(bufio.NewScanner(f))
}

func processorFlag(s *bufio.Scanner) string {
	s.Buffer(make([]byte, 0, 1<<16), 1<<20)
	for s.Scan() {
		name, flags, _ := strings.Cut(s.Text(), ":")
		if strings.TrimSpace(name) != "flags" {
			continue
		}
		for flag := range strings.FieldsSeq(flags) {
			if flag == "vmx" || flag == "svm" {
				return flag
			}
		}
		return "" // the first processor speaks for all
	}
	return ""
}

// Promised reports whether the processor has virtualisation of its own, so that
// a KVM here runs kernel code and need not be measured. The first call looks; a
// process makes it before it can open nothing any more.
var Promised = sync.OnceValue(func() bool { return ProcessorFlag() != "" })
