package jail

import (
	"errors"
	"fmt"

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

// Confinement says what holds the process.
type Confinement = jail.Confinement

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
	rooted := c.Note("mount namespace", err)
	if jail.InUserNamespace() {
		c.Note("user namespace", nil)
	}
	if unix.Geteuid() == 0 {
		err := jail.BecomeNobody()
		if !errors.Is(err, unix.EINVAL) || !jail.InUserNamespace() { // which may not have that user
			c.Note("user nobody", err)
		}
	}
	if err := jail.DropCapabilities(0); err != nil {
		return c, fmt.Errorf("capabilities: %w", err)
	}
	c.Note("no capabilities", nil)
	if err := jail.NoNewPrivileges(); err != nil {
		return c, err
	}
	c.Note("no_new_privs", nil)
	locked := c.Note("landlock", found.restrict(rooted))
	filtered := c.Note("seccomp", filter())
	if !rooted && !locked || !filtered {
		return c, fmt.Errorf("%w: %v", ErrWeak, c)
	}
	return c, nil
}
