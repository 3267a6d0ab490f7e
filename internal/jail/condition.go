package jail

import "golang.org/x/net/bpf"

// Condition is one about an argument of a system call.
type Condition struct {
	arg    uint32 // from 0 on
	test   test
	values []uint32 // one but for oneOf
}

type test int

const (
	oneOf test = iota
	anyBits
	noBits
)

// OneOf holds where an argument is one of the values, all 64 bits of it.
func OneOf(arg uint32, values ...uint32) Condition { return Condition{arg, oneOf, values} }

// AnyBits holds where an argument has one of these of its lower 32 bits set.
func AnyBits(arg, bits uint32) Condition { return Condition{arg, anyBits, []uint32{bits}} }

// NoBits holds where an argument has none of these of its lower 32 bits set.
func NoBits(arg, bits uint32) Condition { return Condition{arg, noBits, []uint32{bits}} }

// Where struct seccomp_data has what (include/uapi/linux/seccomp.h).
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
	argSize    = 8
	wordSize   = 4
)

func load32(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: wordSize} }

// instructions go on behind themselves where the condition holds. miss are those that
// are to jump elsewhere where it does not, as indices, by their SkipFalse, or, for a
// Jump, by its Skip.
func (c Condition) instructions() (list []bpf.Instruction, miss []int) {
	low := dataArgs + argSize*c.arg
	if c.test == oneOf {
		list = append(list, load32(low+wordSize), bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0})
		miss = append(miss, len(list)-1)
	}
	list = append(list, load32(low))
	switch c.test {
	case anyBits:
		list = append(list, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: c.values[0]})
		return list, append(miss, len(list)-1)
	case noBits:
		list = append(list, bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: c.values[0]})
		return list, append(miss, len(list)-1)
	}
	for i, v := range c.values {
		left := len(c.values) - i // instructions from here to behind the jump
		list = append(list, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(left)})
	}
	list = append(list, bpf.Jump{})
	return list, append(miss, len(list)-1)
}
