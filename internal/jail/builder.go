package jail

import (
	"fmt"

	"golang.org/x/net/bpf"
)

// maxValues bounds the values of a condition: a jump skips at most 255
// instructions.
const maxValues = 200

// x32 is the bit of the numbers of another set of calls, which is closed.
const x32 = 0x40000000

// builder makes a filter. Between calls the accumulator holds the call's number: what
// looks at an argument ends with a return, on all ways.
type builder struct {
	otherwise Action
	numbers   map[string]int
	seen      map[string]bool
	program   []bpf.Instruction
	err       error // the first
}

func (b *builder) add(list ...bpf.Instruction) { b.program = append(b.program, list...) }

// head leaves the call's number in the accumulator, and takes no other machine's
// calls.
func (b *builder) head(arch uint32) {
	b.add(
		load32(dataArch),
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: arch, SkipTrue: 1},
		bpf.RetConstant{Val: uint32(b.otherwise)},
		load32(dataNumber),
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: x32, SkipTrue: 1},
		bpf.RetConstant{Val: uint32(b.otherwise)},
	)
}

// number is a call's, which is to be new.
func (b *builder) number(name string) uint32 {
	n, ok := b.numbers[name]
	if b.err == nil && !ok {
		b.err = fmt.Errorf("seccomp: system call %q: there is none", name)
	}
	if b.err == nil && b.seen[name] {
		b.err = fmt.Errorf("seccomp: system call %q: it is there twice", name)
	}
	b.seen[name] = true
	return uint32(n)
}

// always does the same with every call of a name.
func (b *builder) always(name string, a Action) {
	b.add(
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: b.number(name), SkipFalse: 1},
		bpf.RetConstant{Val: uint32(a)},
	)
}

// conditional allows a call where all conditions of one of the alternatives hold.
func (b *builder) conditional(name string, alternatives [][]Condition) {
	var body []bpf.Instruction
	for _, all := range alternatives {
		body = append(body, b.all(name, all)...)
	}
	body = append(body, bpf.RetConstant{Val: uint32(b.otherwise)})
	b.add(
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: b.number(name), SkipTrue: 1},
		bpf.Jump{Skip: uint32(len(body))},
	)
	b.add(body...)
}

// all allows a call where all conditions hold, and goes on behind itself otherwise.
func (b *builder) all(name string, conditions []Condition) []bpf.Instruction {
	var list []bpf.Instruction
	var misses []int
	for _, c := range conditions {
		if n := len(c.values); b.err == nil && (n == 0 || n > maxValues) {
			b.err = fmt.Errorf("seccomp: system call %q: a condition with %d values: want 1 to %d", name, n, maxValues)
		}
		part, miss := c.instructions()
		for _, i := range miss {
			misses = append(misses, len(list)+i)
		}
		list = append(list, part...)
	}
	list = append(list, bpf.RetConstant{Val: uint32(Allow)})
	for _, i := range misses {
		skip := len(list) - 1 - i
		switch jump := list[i].(type) {
		case bpf.Jump:
			jump.Skip = uint32(skip)
			list[i] = jump
		case bpf.JumpIf:
			if b.err == nil && skip > 255 {
				b.err = fmt.Errorf("seccomp: system call %q: more conditions than a jump skips", name)
			}
			jump.SkipFalse = uint8(skip)
			list[i] = jump
		}
	}
	return list
}
