package passthrough

import (
	"math"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

func (fs *FS) setattr(c *call) error {
	in, ok := fuse.ParseSetattrIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	// The owner first: to change it takes set-id bits away that the mode may
	// give.
	for _, step := range []struct {
		valid uint32
		do    func(*node, *fuse.SetattrIn) error
	}{
		{fuse.SetUID | fuse.SetGID, fs.chown},
		{fuse.SetMode, fs.chmod},
		{fuse.SetSize, fs.truncate},
		{fuse.SetAtime | fuse.SetMtime, fs.utimens},
	} {
		if in.Valid&step.valid != 0 {
			if err := again(func() error { return step.do(n, &in) }); err != nil {
				return err
			}
		}
	}
	return fs.putAttr(c, n)
}

func (fs *FS) chown(n *node, in *fuse.SetattrIn) error {
	uid, gid := fs.id.toHost(in.UID, in.GID)
	u, g := -1, -1
	if in.Valid&fuse.SetUID != 0 {
		if u = int(uid); uid == math.MaxUint32 {
			return unix.EINVAL
		}
	}
	if in.Valid&fuse.SetGID != 0 {
		if g = int(gid); gid == math.MaxUint32 {
			return unix.EINVAL
		}
	}
	return unix.Fchownat(n.fd, "", u, g, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
}

func (fs *FS) chmod(n *node, in *fuse.SetattrIn) error {
	if n.kind == unix.S_IFLNK {
		return unix.EOPNOTSUPP
	}
	return unix.Fchmodat(fs.o.Proc, strconv.Itoa(n.fd), in.Mode&permissions, 0)
}

func (fs *FS) truncate(n *node, in *fuse.SetattrIn) error {
	switch {
	case n.kind == unix.S_IFDIR:
		return unix.EISDIR
	case n.kind != unix.S_IFREG:
		return unix.EINVAL
	case in.Size > math.MaxInt64:
		return unix.EFBIG
	}
	cut := func(fd int) error { return unix.Ftruncate(fd, int64(in.Size)) }
	if in.Valid&fuse.SetFH != 0 {
		h, err := fs.handles.use(in.FH, false)
		if err != nil {
			return err
		}
		defer fs.handles.done(h)
		// A handle of another file would be the guest's own mistake.
		return fs.keepPrivileges(in.Valid&fuse.SetKillSUIDGID == 0, h.fd, cut)
	}
	fd, err := fs.openNode(n, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return fs.keepPrivileges(in.Valid&fuse.SetKillSUIDGID == 0, fd, cut)
}

// keepPrivileges runs f, which changes a file's content. Where the file's set-id
// bits are not to be kept, it takes them away, as the kernel does when an
// ordinary user writes.
func (fs *FS) keepPrivileges(keep bool, fd int, f func(fd int) error) error {
	if keep || !fs.id.fsetid {
		return f(fd)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&(unix.S_ISUID|unix.S_ISGID) == 0 {
		return f(fd)
	}
	return fs.id.plain(func() error { return f(fd) })
}

func (fs *FS) utimens(n *node, in *fuse.SetattrIn) error {
	at, err := timespec(in.Valid, fuse.SetAtime, fuse.SetAtimeNow, in.Atime, in.AtimeNsec)
	if err != nil {
		return err
	}
	mt, err := timespec(in.Valid, fuse.SetMtime, fuse.SetMtimeNow, in.Mtime, in.MtimeNsec)
	if err != nil {
		return err
	}
	// The link in /proc leads to the file itself, and no further.
	return unix.UtimesNanoAt(fs.o.Proc, strconv.Itoa(n.fd), []unix.Timespec{at, mt}, 0)
}

func timespec(valid, set, now uint32, sec uint64, nsec uint32) (unix.Timespec, error) {
	switch {
	case valid&set == 0:
		return unix.Timespec{Nsec: unix.UTIME_OMIT}, nil
	case valid&now != 0:
		return unix.Timespec{Nsec: unix.UTIME_NOW}, nil
	case nsec >= 1e9:
		return unix.Timespec{}, unix.EINVAL
	}
	return unix.Timespec{Sec: int64(sec), Nsec: int64(nsec)}, nil
}
