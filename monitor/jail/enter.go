package jail

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/jail"
)

// Namespaces that a process may be started in.
const (
	Users   = "user"
	Mounts  = "mount"
	PIDs    = "pid"
	Network = "net"
	IPC     = "ipc"
	UTS     = "uts"
	Cgroups = "cgroup"
)

// Namespaces are all of them.
var Namespaces = []string{Users, Mounts, PIDs, Network, IPC, UTS, Cgroups}

// Options say how to be held.
type Options struct {
	// Namespaces are those that the process has of its own.
	Namespaces []string

	Files uint64 // descriptors to allow
}

// ErrWeak says that too little holds the process: neither a mount namespace nor
// landlock, or no seccomp.
var ErrWeak = errors.New("not confined enough")

// Confinement says what holds the process.
type Confinement = jail.Confinement

// maxThreads is more than a machine of 255 vCPUs with all its devices needs.
const maxThreads = 4096

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
	own := func(name string) bool { return slices.Contains(o.Namespaces, name) }
	if err := limit(o); err != nil {
		return c, fmt.Errorf("limits: %w", err)
	}
	rooted := c.Note("mount namespace", root(own(Mounts)))
	c.Note("user namespace", parents(own(Users) && jail.InUserNamespace()))
	c.Note("pid namespace", parents(own(PIDs) && unix.Getpid() == 1))
	for _, name := range []string{Network, IPC, UTS, Cgroups} {
		c.Note(name+" namespace", parents(own(name)))
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
	locked := c.Note("landlock", lock())
	filtered := c.Note("seccomp", filter())
	if !rooted && !locked || !filtered {
		return c, fmt.Errorf("%w: %v", ErrWeak, c)
	}
	return c, nil
}

// parents is an error for a namespace that is not the process's own.
func parents(own bool) error {
	if !own {
		return errors.New("the process is in its parent's")
	}
	return nil
}

// limit takes what the process does not need. How large a file may be is for its
// owner to say.
func limit(o Options) error {
	errs := []error{jail.LimitFiles(o.Files), jail.NoCoreDump()}
	for _, resource := range []int{unix.RLIMIT_MEMLOCK, unix.RLIMIT_MSGQUEUE} {
		errs = append(errs, unix.Setrlimit(resource, &unix.Rlimit{}))
	}
	if jail.InUserNamespace() {
		// Elsewhere the user's other processes count as well.
		var have unix.Rlimit
		errs = append(errs, unix.Getrlimit(unix.RLIMIT_NPROC, &have))
		most := min(have.Max, maxThreads)
		errs = append(errs, unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: most, Max: most}))
	}
	return errors.Join(errs...)
}

// root makes an empty file system the root, in which nothing can be made.
func root(own bool) error {
	if err := parents(own); err != nil {
		return err
	}
	if err := jail.PrivateMounts(); err != nil {
		return err
	}
	tree, err := jail.EmptyTree()
	if err != nil {
		return fmt.Errorf("make an empty root: %w", err)
	}
	defer unix.Close(tree)
	if err := jail.EnterTree(tree); err != nil {
		return err
	}
	return jail.SetAttributes(tree, unix.MOUNT_ATTR_RDONLY|jail.Quiet)
}
