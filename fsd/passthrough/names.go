package passthrough

import (
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

const permissions = 0o7777 // of a mode

// making makes a name in a directory as the user who asks, and replies with it.
func (fs *FS) making(c *call, body []byte, f func(parent int, name string) error) error {
	return fs.withParent(c, body, func(parent *node, name string) error {
		if !c.out.Fits(fuse.EntrySize) {
			return unix.EINVAL
		}
		err := fs.id.as(c.UID, c.GID, func() error {
			return again(func() error { return f(parent.fd, name) })
		})
		if err != nil {
			return err
		}
		return fs.putChild(c, parent, name)
	})
}

// mknod makes regular files, fifos and sockets. A device would be one of the
// host's.
func (fs *FS) mknod(c *call) error {
	mode, _, rest, ok := fuse.ParseMknodIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	switch mode & unix.S_IFMT {
	case 0, unix.S_IFREG, unix.S_IFIFO, unix.S_IFSOCK:
	case unix.S_IFCHR, unix.S_IFBLK:
		return unix.EPERM
	default:
		return unix.EINVAL
	}
	return fs.making(c, rest, func(parent int, name string) error {
		return unix.Mknodat(parent, name, mode&(permissions|unix.S_IFMT), 0)
	})
}

func (fs *FS) mkdir(c *call) error {
	mode, rest, ok := fuse.ParseMkdirIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	return fs.making(c, rest, func(parent int, name string) error {
		return unix.Mkdirat(parent, name, mode&permissions)
	})
}

// symlink makes a link to any text: following it is the guest's affair.
func (fs *FS) symlink(c *call) error {
	name, rest, err := fuse.Name(c.body)
	if err != nil {
		return err
	}
	target, after, ok := fuse.Text(rest)
	if !ok || target == "" || len(after) > 0 {
		return unix.EINVAL
	}
	return fs.making(c, c.body[:len(name)+1], func(parent int, name string) error {
		return unix.Symlinkat(target, parent, name)
	})
}

func (fs *FS) readlink(c *call) error {
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	if n.kind != unix.S_IFLNK {
		return unix.EINVAL
	}
	room := c.out.Room()
	if len(room) == 0 {
		return unix.EINVAL
	}
	length, err := unix.Readlinkat(n.fd, "", room)
	if err != nil {
		return err
	}
	c.out.Use(length)
	return nil
}

func (fs *FS) unlink(c *call) error { return fs.remove(c, 0) }
func (fs *FS) rmdir(c *call) error  { return fs.remove(c, unix.AT_REMOVEDIR) }

func (fs *FS) remove(c *call, flags int) error {
	return fs.withParent(c, c.body, func(parent *node, name string) error {
		return again(func() error { return unix.Unlinkat(parent.fd, name, flags) })
	})
}

func (fs *FS) rename(c *call) error {
	parent, rest, ok := fuse.ParseRenameIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	return fs.move(c, parent, rest, 0)
}

func (fs *FS) rename2(c *call) error {
	parent, flags, rest, ok := fuse.ParseRename2In(c.body)
	if !ok || flags&^(unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE) != 0 {
		return unix.EINVAL
	}
	return fs.move(c, parent, rest, uint(flags))
}

func (fs *FS) move(c *call, newParent uint64, names []byte, flags uint) error {
	from, rest, err := fuse.Name(names)
	if err != nil {
		return err
	}
	to, err := fuse.LastName(rest)
	if err != nil {
		return err
	}
	a, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(a)
	b, err := fs.nodes.use(newParent)
	if err != nil {
		return err
	}
	defer fs.nodes.done(b)
	return again(func() error { return unix.Renameat2(a.fd, from, b.fd, to, flags) })
}

// link gives a node another name. The link is made from the node itself, not
// from a name it had.
func (fs *FS) link(c *call) error {
	old, rest, ok := fuse.ParseU64(c.body)
	if !ok {
		return unix.EINVAL
	}
	n, err := fs.nodes.use(old)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	return fs.withParent(c, rest, func(parent *node, name string) error {
		if !c.out.Fits(fuse.EntrySize) {
			return unix.EINVAL
		}
		err := again(func() error {
			return unix.Linkat(fs.o.Proc, strconv.Itoa(n.fd), parent.fd, name, unix.AT_SYMLINK_FOLLOW)
		})
		if err != nil {
			return err
		}
		_, st, err := stat(n.fd)
		if err != nil {
			return err
		}
		fs.nodes.again(n)
		c.out.Entry(fs.entry(n, st))
		return nil
	})
}
