package jail

import (
	"fmt"
	"runtime"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Calls are the system calls that a process may make besides those of Go's
// runtime, which starts threads and no processes.
type Calls struct {
	Names []string

	// If are calls that depend on their arguments. One name may be there more than
	// once: what one of them allows is allowed. Those that are made most come first.
	If []If

	// Refuse are calls that fail with EPERM: what is tried by libraries and is of no
	// consequence.
	Refuse []string

	// Otherwise is what becomes of any other call.
	Otherwise Action
}

// If allows a call where all conditions hold.
type If struct {
	Name  string
	Where []Condition
}

// Action is what becomes of a call.
type Action uint32

// The actions there are.
const (
	Allow Action = unix.SECCOMP_RET_ALLOW
	Kill  Action = unix.SECCOMP_RET_KILL_PROCESS
	Fail  Action = unix.SECCOMP_RET_ERRNO | Action(unix.EPERM)
)

// Filter allows these system calls and no others.
func Filter(c Calls) error {
	program, err := c.program()
	if err != nil {
		return err
	}
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	return load(raw)
}

// program is the filter. Those calls that have conditions come first: the kernel
// remembers of the others that they are allowed, and does not look.
func (c Calls) program() ([]bpf.Instruction, error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("seccomp: no filter for %s", runtime.GOARCH)
	}
	b := builder{otherwise: c.Otherwise, numbers: arch.X86_64.SyscallNames, seen: make(map[string]bool)}
	b.head(uint32(arch.X86_64.ID))
	conditional := append(append([]If(nil), c.If...), runtimeIf()...)
	for i, first := range conditional {
		if b.seen[first.Name] {
			continue // with the first of its name
		}
		var alternatives [][]Condition
		for _, other := range conditional[i:] {
			if other.Name == first.Name {
				alternatives = append(alternatives, other.Where)
			}
		}
		b.conditional(first.Name, alternatives)
	}
	for _, name := range append(names(Runtime()), c.Names...) {
		b.always(name, Allow)
	}
	for _, name := range c.Refuse {
		b.always(name, Fail)
	}
	b.add(bpf.RetConstant{Val: uint32(c.Otherwise)})
	return b.program, b.err
}

// runtimeIf are RuntimeConditional, with their conditions.
func runtimeIf() []If {
	return []If{
		{"mmap", []Condition{NoBits(2, unix.PROT_EXEC)}},
		{"mprotect", []Condition{NoBits(2, unix.PROT_EXEC)}},
		{"clone", []Condition{AnyBits(0, unix.CLONE_THREAD)}},
		{"prctl", []Condition{OneOf(0, unix.PR_SET_VMA)}},
	}
}
