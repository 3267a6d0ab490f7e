package passthrough

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// openFlags are those of open(2) that mean something on the host. A guest that
// wants to pass by its own cache (O_DIRECT) gets that from its kernel.
const openFlags = unix.O_ACCMODE | unix.O_APPEND | unix.O_TRUNC | unix.O_SYNC | unix.O_DSYNC

// checkOpen refuses what a read-only share does not do.
func (fs *FS) checkOpen(flags uint32) (int, error) {
	mode := flags & unix.O_ACCMODE
	if mode == unix.O_ACCMODE {
		return 0, unix.EINVAL
	}
	if fs.o.ReadOnly && (mode != unix.O_RDONLY || flags&unix.O_TRUNC != 0) {
		return 0, unix.EROFS
	}
	return int(flags & openFlags), nil
}

func (fs *FS) open(c *call) error {
	in, ok := fuse.ParseOpenIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	flags, err := fs.checkOpen(in.Flags)
	if err != nil {
		return err
	}
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	if n.kind == unix.S_IFDIR {
		return unix.EISDIR
	}
	return fs.putOpened(c, flags, func() (int, error) {
		return fs.openFile(n, flags, in.OpenFlags&fuse.OpenKillSUIDGID == 0)
	})
}

// openFile opens a regular file. keep is for one that is cut short by it.
func (fs *FS) openFile(n *node, flags int, keep bool) (fd int, err error) {
	if flags&unix.O_TRUNC == 0 || keep || !fs.id.fsetid {
		return fs.openNode(n, flags)
	}
	err = fs.id.plain(func() error {
		fd, err = fs.openNode(n, flags)
		return err
	})
	return fd, err
}

// putOpened replies with a handle of the file that open opens.
func (fs *FS) putOpened(c *call, flags int, open func() (int, error)) error {
	if !c.out.Fits(16) {
		return unix.EINVAL
	}
	if err := fs.budget.take(); err != nil {
		return err
	}
	fd, err := open()
	if err != nil {
		fs.budget.give()
		return err
	}
	c.out.OpenOut(fs.handles.add(fd, false), fs.opened(flags))
	return nil
}

// opened are the flags of the reply for a file that was opened so.
func (fs *FS) opened(how int) uint32 {
	var flags uint32
	switch fs.o.Cache {
	case CacheNone:
		flags = fuse.OpenedDirectIO
	case CacheAlways:
		flags = fuse.OpenedKeepCache
	}
	if how&unix.O_ACCMODE == unix.O_RDONLY {
		// There is nothing to flush when it is closed.
		flags |= fuse.OpenedNoFlush
	}
	return flags
}

// create makes a file and opens it, as the user who asks. The guest asks for it
// where it knows of no such name. One that is there all the same is ESTALE to it,
// which makes it look again and open the file: that way it is the guest, which
// knows all groups of the user, that checks whether the user may.
func (fs *FS) create(c *call) error {
	in, rest, ok := fuse.ParseCreateIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	flags, err := fs.checkOpen(in.Flags)
	if err != nil {
		return err
	}
	return fs.withParent(c, rest, func(parent *node, name string) error {
		if !c.out.Fits(fuse.EntrySize + 16) {
			return unix.EINVAL
		}
		fd, n, st, err := fs.createChild(c, parent, name, flags, in.Mode&permissions)
		if err == unix.EEXIST && in.Flags&unix.O_EXCL == 0 {
			return unix.ESTALE
		}
		if err != nil {
			return err
		}
		defer fs.nodes.done(n)
		c.out.Entry(fs.entry(n, st))
		c.out.OpenOut(fs.handles.add(fd, false), fs.opened(flags))
		return nil
	})
}

// createChild takes two descriptors of the budget: the file's and the node's.
func (fs *FS) createChild(c *call, parent *node, name string, flags int, mode uint32) (fd int, n *node, st *unix.Statx_t, err error) {
	for taken := range 2 {
		if err := fs.budget.take(); err != nil {
			fs.budget.giveN(taken)
			return -1, nil, nil, err
		}
	}
	flags |= unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	err = fs.id.as(c.UID, c.GID, func() (err error) {
		fd, err = againFD(func() (int, error) { return unix.Openat(parent.fd, name, flags, mode) })
		return err
	})
	if err != nil {
		fs.budget.giveN(2)
		return -1, nil, nil, err
	}
	// The node is made from the file, whatever its name means by now.
	n, st, err = fs.nodeOf(fd)
	if err != nil {
		unix.Close(fd)
		fs.budget.giveN(2)
		return -1, nil, nil, err
	}
	return fd, fs.nodes.enter(n), st, nil
}

// nodeOf makes a node of an open file.
func (fs *FS) nodeOf(fd int) (*node, *unix.Statx_t, error) {
	path, err := fs.reopen(fd, unix.O_PATH)
	if err != nil {
		return nil, nil, err
	}
	n, st, err := stat(path)
	if err != nil {
		unix.Close(path)
	}
	return n, st, err
}

func (fs *FS) release(c *call) error {
	fh, _, ok := fuse.ParseHandle(c.body, fuse.ReleaseInSize)
	if !ok {
		return unix.EINVAL
	}
	return fs.handles.release(fh, false)
}

// flush is asked for at each close(2). A file system behind the file may have
// errors to tell then.
func (fs *FS) flush(c *call) error {
	fh, _, ok := fuse.ParseHandle(c.body, fuse.FlushInSize)
	if !ok {
		return unix.EINVAL
	}
	h, err := fs.handles.use(fh, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	fd, err := unix.FcntlInt(uintptr(h.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// After close(2) was interrupted, the descriptor is gone all the same.
	if err := unix.Close(fd); err != unix.EINTR {
		return err
	}
	return nil
}
