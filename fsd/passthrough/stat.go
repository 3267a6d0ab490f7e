package passthrough

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

const statMask = unix.STATX_BASIC_STATS | unix.STATX_MNT_ID

// stat describes the file behind an O_PATH descriptor, which the node keeps.
func stat(fd int) (*node, *unix.Statx_t, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW|unix.AT_STATX_SYNC_AS_STAT, statMask, &st); err != nil {
		return nil, nil, err
	}
	n := &node{
		fd:   fd,
		kind: uint32(st.Mode) & unix.S_IFMT,
		key:  key{dev: uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), ino: st.Ino, mount: st.Mnt_id},
	}
	return n, &st, nil
}

// attr turns what statx says into what the guest is told.
func (fs *FS) attr(n *node, st *unix.Statx_t) fuse.Attr {
	a := fuse.Attr{
		Ino: st.Ino, Size: st.Size, Blocks: st.Blocks,
		Atime: uint64(st.Atime.Sec), AtimeNsec: st.Atime.Nsec,
		Mtime: uint64(st.Mtime.Sec), MtimeNsec: st.Mtime.Nsec,
		Ctime: uint64(st.Ctime.Sec), CtimeNsec: st.Ctime.Nsec,
		Mode: uint32(st.Mode), Nlink: st.Nlink, Blksize: st.Blksize,
		Rdev: encodeDev(st.Rdev_major, st.Rdev_minor),
	}
	a.UID, a.GID = fs.id.toGuest(st.Uid, st.Gid)
	if n.submount && fs.has(fuse.InitSubmounts) {
		a.Flags |= fuse.AttrSubmount
	}
	return a
}

// encodeDev writes a device number in Linux's 32-bit form (new_encode_dev).
func encodeDev(major, minor uint32) uint32 {
	return minor&0xff | major<<8 | minor&^0xff<<12
}

// putAttr replies with a node's attributes as they are now.
func (fs *FS) putAttr(c *call, n *node) error {
	_, st, err := stat(n.fd)
	if err != nil {
		return err
	}
	a := fs.attr(n, st)
	c.out.AttrOut(&a, fs.o.Cache.timeout())
	return nil
}

// entry is a node as a name's reply has it.
func (fs *FS) entry(n *node, st *unix.Statx_t) *fuse.Entry {
	valid := fs.o.Cache.timeout()
	return &fuse.Entry{Node: n.id, EntryValid: valid, AttrValid: valid, Attr: fs.attr(n, st)}
}

func (fs *FS) getattr(c *call) error {
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	return fs.putAttr(c, n)
}

func (fs *FS) statfs(c *call) error {
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	var st unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(n.fd, &st) }); err != nil {
		return err
	}
	c.out.Statfs(&fuse.Statfs{
		Blocks: st.Blocks, Bfree: st.Bfree, Bavail: st.Bavail, Files: st.Files, Ffree: st.Ffree,
		Bsize: uint32(st.Bsize), Namelen: uint32(st.Namelen), Frsize: uint32(st.Frsize),
	})
	return nil
}

func (fs *FS) access(c *call) error {
	mask, _, ok := fuse.ParseU32(c.body)
	if !ok || mask&^(unix.R_OK|unix.W_OK|unix.X_OK) != 0 {
		return unix.EINVAL
	}
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	if mask&unix.W_OK != 0 && fs.o.ReadOnly {
		return unix.EROFS
	}
	return unix.Faccessat2(n.fd, "", mask, unix.AT_EMPTY_PATH|unix.AT_EACCESS)
}
