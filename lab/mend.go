package lab

import (
	"bytes"
	"fmt"
)

// mend is the cure, for one build, of an emulator bug that hangs guests in the
// lab's hosts.
//
// VMRUN with an injected interrupt (AMD64 Architecture Programmer's Manual,
// volume 2, section 15.20) delivers the interrupt at once, but leaves its
// vector in the field from which the emulator's loop takes exceptions. If the
// processor is asked to leave the loop just then, by a timer or by another
// processor's kick, the vector is delivered a second time, inside the first
// one's handler and with interrupts off: the guest waits for a lock that it
// holds itself. The cure is not to store the vector there in that one case.
type mend struct {
	buildID string
	build   string // for people
	offset  int    // in the file, of the store
	store   []byte // the instruction
}

// mends are the builds whose store was found and looked at.
var mends = []mend{
	{
		buildID: "d9541fd67c4ea37f9ca7fca0f5096f32b3b7e7e0",
		build:   "Debian qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3",
		offset:  0x65b284,
		store:   []byte{0x89, 0xb3, 0x54, 0xef, 0xff, 0xff},
	},
	{
		buildID: "0fbbd5ca8d2d0a32532049e20739f3e0d521c5ed",
		build:   "Debian qemu-system-x86 1:10.0.2+ds-2+deb13u1~bpo12+1",
		offset:  0x7c4f24,
		store:   []byte{0x89, 0xb3, 0x10, 0xd7, 0xff, 0xff},
	},
}

// nop6 is the processor's recommended no-operation of six bytes (AMD64
// Architecture Programmer's Manual, volume 3, NOP).
var nop6 = []byte{0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}

// Around the store, the compiler put that of the error code before it
// (mov %r13d, x(%rbx)) and that of exception_is_int = 0 behind it (movl $0,
// x(%rbx)); x is below 64 KiB.
const (
	sizeBefore = 7
	sizeBehind = 10
)

func isBefore(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0x44, 0x89, 0xab}) && b[5] == 0 && b[6] == 0
}

func isBehind(b []byte) bool {
	return bytes.HasPrefix(b, []byte{0xc7, 0x83}) && bytes.Equal(b[4:sizeBehind], make([]byte, 6))
}

func mendFor(buildID string) *mend {
	for i := range mends {
		if mends[i].buildID == buildID {
			return &mends[i]
		}
	}
	return nil
}

// apply changes the image in memory, if the store stands where it should and
// nowhere else.
func (m *mend) apply(image []byte) error {
	places := m.find(image)
	switch {
	case len(places) != 1:
		return fmt.Errorf("the instruction to mend stands at %d places, not at one", len(places))
	case places[0] != m.offset:
		return fmt.Errorf("the instruction to mend stands at %#x, not at %#x", places[0], m.offset)
	}
	copy(image[m.offset:m.offset+len(m.store)], nop6)
	return nil
}

// find returns where the store stands between its neighbours.
func (m *mend) find(image []byte) []int {
	var places []int
	for from := 0; ; {
		i := bytes.Index(image[from:], m.store)
		if i < 0 {
			return places
		}
		i += from
		from = i + 1
		before, behind := i-sizeBefore, i+len(m.store)
		if before >= 0 && behind+sizeBehind <= len(image) &&
			isBefore(image[before:i]) && isBehind(image[behind:behind+sizeBehind]) {
			places = append(places, i)
		}
	}
}
