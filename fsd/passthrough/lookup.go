package passthrough

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// resolve are the rules by which a name is looked up. A name is one component;
// they say the same again.
func (fs *FS) resolve() uint64 {
	rules := uint64(unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS)
	if !fs.o.Submounts {
		rules |= unix.RESOLVE_NO_XDEV
	}
	return rules
}

// child looks a name up and returns its node, which counts as looked up by the
// guest and is in use.
func (fs *FS) child(parent *node, name string) (*node, *unix.Statx_t, error) {
	if err := fs.budget.take(); err != nil {
		return nil, nil, err
	}
	n, st, err := fs.openChild(parent, name)
	if err != nil {
		fs.budget.give()
		return nil, nil, err
	}
	return fs.nodes.enter(n), st, nil
}

func (fs *FS) openChild(parent *node, name string) (*node, *unix.Statx_t, error) {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: fs.resolve()}
	fd, err := againFD(func() (int, error) { return unix.Openat2(parent.fd, name, how) })
	if err != nil {
		return nil, nil, err
	}
	n, st, err := stat(fd)
	if err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	n.submount = n.kind == unix.S_IFDIR && (n.key.mount != parent.key.mount || n.key.dev != parent.key.dev)
	return n, st, nil
}

// reopen opens the file behind a descriptor again. It must be a regular file or a
// directory: to open another one is an act.
func (fs *FS) reopen(fd, flags int) (int, error) {
	return againFD(func() (int, error) {
		return unix.Openat(fs.o.Proc, strconv.Itoa(fd), flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	})
}

// openNode opens a node that is a regular file or a directory.
func (fs *FS) openNode(n *node, flags int) (int, error) {
	switch n.kind {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		flags |= unix.O_DIRECTORY
	case unix.S_IFLNK:
		return -1, unix.ELOOP
	default:
		return -1, unix.ENXIO
	}
	return fs.reopen(n.fd, flags)
}

// withParent runs f with the node that a request names, which a name follows.
func (fs *FS) withParent(c *call, body []byte, f func(parent *node, name string) error) error {
	name, err := fuse.LastName(body)
	if err != nil {
		return err
	}
	parent, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(parent)
	return f(parent, name)
}

// putChild looks a name up and replies with it.
func (fs *FS) putChild(c *call, parent *node, name string) error {
	if !c.out.Fits(fuse.EntrySize) {
		return unix.EINVAL
	}
	n, st, err := fs.child(parent, name)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	c.out.Entry(fs.entry(n, st))
	return nil
}

func (fs *FS) lookup(c *call) error {
	return fs.withParent(c, c.body, func(parent *node, name string) error {
		err := fs.putChild(c, parent, name)
		if err == unix.ENOENT && fs.o.Cache == CacheAlways {
			// A node id of 0 is a name that is not there, to be remembered.
			c.out.Entry(&fuse.Entry{EntryValid: fs.o.Cache.timeout()})
			return nil
		}
		return err
	})
}

func (fs *FS) forget(c *call) error {
	n, _, ok := fuse.ParseU64(c.body)
	if !ok {
		return unix.EINVAL
	}
	fs.nodes.forget(c.Node, n)
	return nil
}

func (fs *FS) batchForget(c *call) error {
	forgets, ok := fuse.ParseBatchForget(c.body)
	if !ok {
		return unix.EINVAL
	}
	for f := range forgets {
		fs.nodes.forget(f.Node, f.Lookups)
	}
	return nil
}

// again calls f until it is not interrupted: the runtime's signals do that where
// a file system cannot go on by itself.
func again(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

// againFD is again for what returns a number.
func againFD(f func() (int, error)) (int, error) {
	for {
		if n, err := f(); err != unix.EINTR {
			return n, err
		}
	}
}
