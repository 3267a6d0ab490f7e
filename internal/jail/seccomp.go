package jail

import (
	"errors"

	"github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// Calls are the system calls that a process may make besides those of Go's
// runtime, which starts threads and no processes.
type Calls struct {
	Names []string

	// If are calls that depend on their arguments: one whose conditions all hold
	// is allowed, and a name may be there more than once.
	If []seccomp.NameWithConditions

	// Refuse are calls that fail with EPERM: what is tried by libraries and is of no
	// consequence.
	Refuse []string

	// Otherwise is what becomes of any other call.
	Otherwise seccomp.Action
}

// Filter allows these system calls and no others.
func Filter(c Calls) error {
	if !seccomp.Supported() {
		return errors.New("the kernel has none")
	}
	return seccomp.LoadFilter(seccomp.Filter{
		Flag: seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: c.Otherwise,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionAllow,
				Names:  append(names(Runtime()), c.Names...),
				NamesWithCondtions: append([]seccomp.NameWithConditions{
					// A thread, and no process.
					{Name: "clone", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD}}},
					// The runtime names its memory.
					{Name: "prctl", Conditions: seccomp.ArgumentConditions{{Argument: 0, Operation: seccomp.Equal, Value: unix.PR_SET_VMA}}},
					// Memory, and no code.
					{Name: "mmap", Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}},
					{Name: "mprotect", Conditions: seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}},
				}, c.If...),
			}, {Action: seccomp.ActionErrno, Names: c.Refuse}},
		},
	})
}
