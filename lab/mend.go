package lab

import (
	"bytes"
	"fmt"
)

// A mend is the cure, for one build, of emulator bugs that show in the lab's
// hosts. Each is a change of one instruction in place.
type mend struct {
	buildID string
	build   string // for people
	patches []patch
}

// patch changes one instruction of a build.
type patch struct {
	*cure
	offset int    // in the file, of the instruction
	old    []byte // the instruction
}

// cure is what mends one bug in any build.
type cure struct {
	name string

	// fits says whether what stands before and behind the instruction is what
	// the compilers put there.
	fits func(before, behind []byte) bool

	// mended is what replaces the instruction, of the same size.
	mended []byte
}

// doubleInterrupt mends that VMRUN with an injected interrupt (AMD64
// Architecture Programmer's Manual, volume 2, section 15.20) delivers the
// interrupt at once, but leaves its vector in the field from which the
// emulator's loop takes exceptions. If the processor is asked to leave the loop
// just then, by a timer or by another processor's kick, the vector is delivered a
// second time, inside the first one's handler and with interrupts off: the guest
// waits for a lock that it holds itself. The cure is not to store the vector
// there in that one case.
//
// Around the store, the compiler put that of the error code before it
// (mov %r13d, x(%rbx)) and that of exception_is_int = 0 behind it (movl $0,
// x(%rbx)); x is below 64 KiB.
var doubleInterrupt = &cure{
	name: "an interrupt injected twice",
	fits: func(before, behind []byte) bool {
		return len(before) >= 7 && len(behind) >= 10 &&
			bytes.HasPrefix(before[len(before)-7:], []byte{0x44, 0x89, 0xab}) && bytes.HasSuffix(before, []byte{0, 0}) &&
			bytes.HasPrefix(behind, []byte{0xc7, 0x83}) && bytes.Equal(behind[4:10], make([]byte, 6))
	},
	// The processor's recommended no-operation of six bytes (AMD64 Architecture
	// Programmer's Manual, volume 3, NOP).
	mended: []byte{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00},
}

// busyTSS mends that a port access of a guest's process faults although the
// kernel has allowed it. The emulator reads the permission from a task state
// segment of the type "available" only (9), as the LTR instruction leaves it in
// the emulator; but KVM hands out "busy" (11), which a processor means by it. So
// the ports are gone for good when a monitor has once read a virtual processor's
// segment registers and written them back. The cure is to compare the type
// without the bit that tells the two apart.
//
// The instruction is and $0xf, %eax, between shr $8, %eax and cmp $9, %eax with
// a jump.
var busyTSS = &cure{
	name: "no ports with a busy task state segment",
	fits: func(before, behind []byte) bool {
		return bytes.HasSuffix(before, []byte{0xc1, 0xe8, 0x08}) && bytes.HasPrefix(behind, []byte{0x83, 0xf8, 0x09, 0x0f, 0x85})
	},
	mended: []byte{0x83, 0xe0, 0x0d},
}

// virtualTPR mends that a write to CR8 by a guest ends the emulator: "assertion
// failed: (qemu_mutex_iothread_locked())". When KVM waits for the moment in which
// the guest takes interrupts (V_IRQ, volume 2, section 15.21), such a write asks
// anew for the interrupt that waits already, and does so without the lock that
// asking needs. The cure is not to ask: KVM gives V_IRQ the highest priority
// (15), so that no value of CR8 holds it back or lets it go.
//
// The instruction is a jump to cpu_interrupt, behind mov $0x100, %esi and the
// function's epilogue. It becomes a return.
var virtualTPR = &cure{
	name: "an abort at a guest's write to CR8",
	fits: func(before, _ []byte) bool {
		return bytes.HasSuffix(before, []byte{0x48, 0x83, 0xc4, 0x08, 0xbe, 0x00, 0x01, 0x00, 0x00, 0x5b, 0x5d})
	},
	mended: []byte{0xc3, 0x0f, 0x1f, 0x40, 0x00},
}

// mends are the builds whose instructions were found and looked at.
var mends = []mend{
	{
		buildID: "d9541fd67c4ea37f9ca7fca0f5096f32b3b7e7e0",
		build:   "Debian qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3",
		patches: []patch{
			{doubleInterrupt, 0x65b284, []byte{0x89, 0xb3, 0x54, 0xef, 0xff, 0xff}},
			{busyTSS, 0x65c1b4, []byte{0x83, 0xe0, 0x0f}},
			{virtualTPR, 0x659023, []byte{0xe9, 0xe8, 0xc3, 0xf7, 0xff}},
		},
	},
	{
		buildID: "0fbbd5ca8d2d0a32532049e20739f3e0d521c5ed",
		build:   "Debian qemu-system-x86 1:10.0.2+ds-2+deb13u1~bpo12+1",
		patches: []patch{
			{doubleInterrupt, 0x7c4f24, []byte{0x89, 0xb3, 0x10, 0xd7, 0xff, 0xff}},
			{busyTSS, 0x7c5fd2, []byte{0x83, 0xe0, 0x0f}},
			{virtualTPR, 0x7c2963, []byte{0xe9, 0x18, 0x07, 0xf6, 0xff}},
		},
	},
}

func mendFor(buildID string) *mend {
	for i := range mends {
		if mends[i].buildID == buildID {
			return &mends[i]
		}
	}
	return nil
}

// apply changes the image in memory, if each instruction stands where it should
// and nowhere else.
func (m *mend) apply(image []byte) error {
	for _, p := range m.patches {
		places := p.find(image)
		switch {
		case len(places) != 1:
			return fmt.Errorf("%s: the instruction to mend stands at %d places, not at one", p.name, len(places))
		case places[0] != p.offset:
			return fmt.Errorf("%s: the instruction to mend stands at %#x, not at %#x", p.name, places[0], p.offset)
		}
	}
	for _, p := range m.patches {
		copy(image[p.offset:p.offset+len(p.old)], p.mended)
	}
	return nil
}

// find returns where the instruction stands between its neighbours.
func (p *patch) find(image []byte) []int {
	var places []int
	for from := 0; ; {
		i := bytes.Index(image[from:], p.old)
		if i < 0 {
			return places
		}
		i += from
		from = i + 1
		if p.fits(image[:i], image[i+len(p.old):]) {
			places = append(places, i)
		}
	}
}
