package passthrough

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// xattrPrefix is the only namespace that is served: what stands in the others
// means something to the host.
const xattrPrefix = "user."

// Limits of Linux's (XATTR_SIZE_MAX, XATTR_LIST_MAX), in bytes.
const (
	maxXattr     = 64 << 10
	maxXattrList = 64 << 10
)

// withXattrs runs f with a descriptor of a node that may have attributes of
// users: only regular files and directories may. others is the error for the
// rest.
func (fs *FS) withXattrs(c *call, others error, f func(fd int) error) error {
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	if n.kind != unix.S_IFREG && n.kind != unix.S_IFDIR {
		return others
	}
	fd, err := fs.openNode(n, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// xattrName takes an attribute's name.
func xattrName(b []byte) (name string, rest []byte, err error) {
	name, rest, ok := fuse.Text(b)
	switch {
	case !ok || name == "":
		return "", nil, unix.EINVAL
	case !strings.HasPrefix(name, xattrPrefix):
		return "", nil, unix.EOPNOTSUPP
	}
	return name, rest, nil
}

func (fs *FS) getxattr(c *call) error {
	size, rest, ok := fuse.ParseU32(c.body)
	if !ok {
		return unix.EINVAL
	}
	name, _, err := xattrName(rest)
	if err != nil {
		return err
	}
	return fs.withXattrs(c, unix.ENODATA, func(fd int) error {
		return putXattr(c, size, maxXattr, func(p []byte) (int, error) { return unix.Fgetxattr(fd, name, p) })
	})
}

func (fs *FS) listxattr(c *call) error {
	size, _, ok := fuse.ParseU32(c.body)
	if !ok {
		return unix.EINVAL
	}
	var list []byte
	err := fs.withXattrs(c, unix.ENODATA, func(fd int) (err error) {
		list, err = userXattrs(fd)
		return err
	})
	if err != nil && err != unix.ENODATA {
		return err
	}
	return putXattr(c, size, maxXattrList, func(p []byte) (int, error) {
		if len(p) > 0 && len(p) < len(list) {
			return 0, unix.ERANGE
		}
		copy(p, list)
		return len(list), nil
	})
}

// userXattrs lists the attributes of users, each name ended by a NUL.
func userXattrs(fd int) ([]byte, error) {
	all := make([]byte, maxXattrList)
	n, err := unix.Flistxattr(fd, all)
	if err != nil {
		return nil, err
	}
	var list []byte
	for rest := all[:n]; len(rest) > 0; {
		name, after, ok := fuse.Text(rest)
		if !ok {
			break
		}
		if strings.HasPrefix(name, xattrPrefix) {
			list = append(append(list, name...), 0)
		}
		rest = after
	}
	return list, nil
}

// putXattr replies with what get reads, or, for a size of 0, with how much that
// is.
func putXattr(c *call, size, most uint32, get func([]byte) (int, error)) error {
	if size == 0 {
		n, err := get(nil)
		if err == nil {
			c.out.WriteOut(uint32(n)) // struct fuse_getxattr_out looks the same
		}
		return err
	}
	room := c.out.Room()
	room = room[:min(len(room), int(min(size, most)))]
	if len(room) == 0 {
		return unix.ERANGE
	}
	n, err := get(room)
	if err != nil {
		return err
	}
	c.out.Use(n)
	return nil
}

func (fs *FS) setxattr(c *call) error {
	size, flags, rest, ok := fuse.ParseSetxattrIn(c.body)
	if !ok || flags&^(unix.XATTR_CREATE|unix.XATTR_REPLACE) != 0 {
		return unix.EINVAL
	}
	name, value, err := xattrName(rest)
	if err != nil {
		return err
	}
	if uint64(size) != uint64(len(value)) {
		return unix.EINVAL
	}
	if size > maxXattr {
		return unix.E2BIG
	}
	return fs.withXattrs(c, unix.EPERM, func(fd int) error { return unix.Fsetxattr(fd, name, value, int(flags)) })
}

func (fs *FS) removexattr(c *call) error {
	name, _, err := xattrName(c.body)
	if err != nil {
		return err
	}
	return fs.withXattrs(c, unix.ENODATA, func(fd int) error { return unix.Fremovexattr(fd, name) })
}
