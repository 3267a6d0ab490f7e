package jail

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/jail"
)

// Options say how to be held.
type Options struct {
	Namespaced bool   // the process has a mount namespace of its own
	Resolver   string // path of resolv.conf
	Files      uint64 // descriptors to allow
	Memory     uint64 // bytes of data to allow
}

// ErrWeak says that too little holds the process: neither a mount namespace nor
// landlock, or no seccomp.
var ErrWeak = errors.New("not confined enough")

// nobody is the user and group that own nothing.
const nobody = 65534

// Confinement says what holds the process.
type Confinement struct {
	Has     []string
	Missing []string // what is not there, and why
}

func (c *Confinement) String() string {
	s := strings.Join(c.Has, ", ")
	if len(c.Missing) > 0 {
		s += "; without " + strings.Join(c.Missing, ", ")
	}
	return s
}

// note keeps what became of a part of the confinement.
func (c *Confinement) note(name string, err error) bool {
	if err != nil {
		c.Missing = append(c.Missing, fmt.Sprintf("%s: %v", name, err))
		return false
	}
	c.Has = append(c.Has, name)
	return true
}

// Enter confines all threads of the process, for good. What the kernel does not
// have, or the process may not do, is left out and noted; where too little is left
// to rely on, the error is ErrWeak.
func Enter(o Options) (*Confinement, error) {
	c, err := enter(o)
	if err != nil {
		return c, fmt.Errorf("confine: %w", err)
	}
	return c, nil
}

func enter(o Options) (*Confinement, error) {
	c := new(Confinement)
	memory := unix.Rlimit{Cur: o.Memory, Max: o.Memory}
	if err := errors.Join(jail.LimitFiles(o.Files), jail.NoCoreDump(), unix.Setrlimit(unix.RLIMIT_DATA, &memory)); err != nil {
		return c, fmt.Errorf("limits: %w", err)
	}
	found := find(o.Resolver)
	err := errors.New("the process is in its parent's")
	if o.Namespaced {
		err = found.makeRoot()
	}
	rooted := c.note("mount namespace", err)
	if jail.InUserNamespace() {
		c.note("user namespace", nil)
	}
	if unix.Geteuid() == 0 {
		err := becomeNobody()
		if !errors.Is(err, unix.EINVAL) || !jail.InUserNamespace() { // which may not have that user
			c.note("user nobody", err)
		}
	}
	if err := jail.DropCapabilities(0); err != nil {
		return c, fmt.Errorf("capabilities: %w", err)
	}
	c.note("no capabilities", nil)
	if err := jail.NoNewPrivileges(); err != nil {
		return c, err
	}
	c.note("no_new_privs", nil)
	locked := c.note("landlock", found.restrict(rooted))
	filtered := c.note("seccomp", filter())
	if !rooted && !locked || !filtered {
		return c, fmt.Errorf("%w: %v", ErrWeak, c)
	}
	return c, nil
}

// becomeNobody gives up the rights that root has without capabilities: those of
// the owner of most files and processes.
func becomeNobody() error {
	if err := jail.DropCapabilities(1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID); err != nil {
		return err
	}
	if err := syscall.Setresgid(nobody, nobody, nobody); err != nil {
		return fmt.Errorf("setresgid: %w", err)
	}
	if err := syscall.Setresuid(nobody, nobody, nobody); err != nil {
		return fmt.Errorf("setresuid: %w", err)
	}
	return nil
}
