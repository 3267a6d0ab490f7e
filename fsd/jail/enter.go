package jail

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/fswire"
	"github.com/hullvm/hull/internal/jail"
)

// maxFiles is the most descriptors that the process may have: Linux's own limit
// where nobody changed it (fs.nr_open).
const maxFiles = 1 << 20

// kept are the capabilities that root keeps: to give files to the guest's users
// (CHOWN), pass by permissions that the guest has checked (DAC_OVERRIDE), change
// files that belong to others (FOWNER), keep set-id bits (FSETID), and make files
// as one of the guest's users (SETUID, SETGID).
const kept = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER |
	1<<unix.CAP_FSETID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID

// Options say what to be held in, and how.
type Options struct {
	Root int // a descriptor of the directory

	ReadOnly   bool
	Submounts  bool // what is mounted beneath the directory is part of it
	Namespaced bool // the process has a mount namespace of its own
}

// Jail is what a process holds that is in it.
type Jail struct {
	Root int // a descriptor of the directory, in place of the one given
	Proc int // a descriptor of /proc/self/fd

	Confinement fswire.Confinement
	Missing     []string // what is not there, and why
}

// ErrWeak says that too little holds the process: neither a mount namespace nor
// landlock, or no seccomp.
var ErrWeak = errors.New("not confined enough")

// Enter confines all threads of the process, for good. What the kernel does not
// have, or the process may not do, is left out and noted in Missing; where too
// little is left to rely on, the error is ErrWeak, and the jail is returned all
// the same. The descriptor of the options is the jail's own from then on.
func Enter(o Options) (*Jail, error) {
	j := &Jail{Root: o.Root, Proc: -1}
	if err := j.enter(o); err != nil {
		return nil, fmt.Errorf("confine: %w", err)
	}
	inside := j.Confinement & (fswire.MountNamespace | fswire.Landlock)
	if inside == 0 || j.Confinement&fswire.Seccomp == 0 {
		return j, fmt.Errorf("confine: %w: %v", ErrWeak, j.Missing)
	}
	return j, nil
}

func (j *Jail) enter(o Options) error {
	unix.Umask(0) // the guest's kernel has applied its own
	if err := errors.Join(jail.LimitFiles(maxFiles), jail.NoCoreDump()); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	proc, err := unix.Open("/proc/self/fd", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /proc/self/fd: %w", err)
	}
	j.Proc = proc
	if o.Namespaced {
		err := j.pivot(o)
		j.note(fswire.MountNamespace, "mount namespace", err)
	} else {
		j.note(0, "mount namespace", errors.New("the process is in its parent's"))
	}
	if jail.InUserNamespace() {
		j.Confinement |= fswire.UserNamespace
	}
	if err := jail.DropCapabilities(kept); err != nil {
		return fmt.Errorf("capabilities: %w", err)
	}
	j.Confinement |= fswire.FewCapabilities
	if err := jail.NoNewPrivileges(); err != nil {
		return err
	}
	j.Confinement |= fswire.NoNewPrivs
	j.note(fswire.Landlock, "landlock", restrict(j.Root, o.ReadOnly))
	j.note(fswire.Seccomp, "seccomp", filter(o.ReadOnly))
	return nil
}

// note keeps what became of a part of the confinement.
func (j *Jail) note(c fswire.Confinement, name string, err error) {
	if err != nil {
		j.Missing = append(j.Missing, fmt.Sprintf("%s: %v", name, err))
		return
	}
	j.Confinement |= c
}
