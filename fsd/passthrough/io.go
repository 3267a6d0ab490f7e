package passthrough

import (
	"math"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// maxCopy is how much one COPY_FILE_RANGE copies, in bytes: it keeps a request
// from taking long. Copying less than was asked for is allowed.
const maxCopy = 64 << 20

func (fs *FS) read(c *call) error {
	in, ok := fuse.ParseReadIn(c.body)
	if !ok || in.Offset > math.MaxInt64 {
		return unix.EINVAL
	}
	h, err := fs.handles.use(in.FH, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	room := c.out.Room()
	room = room[:min(uint64(len(room)), uint64(in.Size), uint64(math.MaxInt64)-in.Offset)]
	n, err := readFull(h.fd, room, int64(in.Offset))
	c.out.Use(n)
	return err
}

// readFull reads until p is full or the file ends: the guest takes a short read
// for the file's end.
func readFull(fd int, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		m, err := againFD(func() (int, error) { return unix.Pread(fd, p[n:], off+int64(n)) })
		if err != nil && n == 0 {
			return 0, err
		}
		if err != nil || m == 0 {
			break
		}
		n += m
	}
	return n, nil
}

func (fs *FS) write(c *call) error {
	in, data, ok := fuse.ParseWriteIn(c.body)
	if !ok || in.Offset > math.MaxInt64 {
		return unix.EINVAL
	}
	if !c.out.Fits(8) {
		return unix.EINVAL
	}
	h, err := fs.handles.use(in.FH, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	n := 0
	err = fs.keepPrivileges(in.Flags&fuse.WriteKillSUIDGID == 0, h.fd, func(fd int) (err error) {
		n, err = writeFull(fd, data, int64(in.Offset))
		return err
	})
	if err != nil {
		return err
	}
	c.out.WriteOut(uint32(n))
	return nil
}

// writeFull writes all of p, or as much as goes.
func writeFull(fd int, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		m, err := againFD(func() (int, error) { return unix.Pwrite(fd, p[n:], off+int64(n)) })
		if err != nil && n == 0 {
			return 0, err
		}
		if err != nil || m == 0 {
			break
		}
		n += m
	}
	return n, nil
}

func (fs *FS) fsync(c *call) error {
	return fs.sync(c, false)
}

func (fs *FS) fsyncdir(c *call) error {
	return fs.sync(c, true)
}

func (fs *FS) sync(c *call, dir bool) error {
	fh, flags, ok := fuse.ParseHandle(c.body, fuse.FsyncInSize)
	if !ok {
		return unix.EINVAL
	}
	h, err := fs.handles.use(fh, dir)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	if flags&fuse.FsyncData != 0 {
		return again(func() error { return unix.Fdatasync(h.fd) })
	}
	return again(func() error { return unix.Fsync(h.fd) })
}

// syncfs makes durable what the guest has written, and with it whatever else the
// host's file system holds back.
func (fs *FS) syncfs(*call) error {
	if fs.o.ReadOnly {
		return nil
	}
	fd, err := fs.reopen(fs.o.Root, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return again(func() error { return unix.Syncfs(fd) })
}

// lseek finds data and holes. All other ways to seek are the guest's own.
func (fs *FS) lseek(c *call) error {
	in, ok := fuse.ParseLseekIn(c.body)
	if !ok || in.Offset > math.MaxInt64 || in.Whence != unix.SEEK_DATA && in.Whence != unix.SEEK_HOLE {
		return unix.EINVAL
	}
	h, err := fs.handles.use(in.FH, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	// The position it leaves is not used by anything.
	off, err := unix.Seek(h.fd, int64(in.Offset), int(in.Whence))
	if err != nil {
		return err
	}
	c.out.U64(uint64(off))
	return nil
}

func (fs *FS) fallocate(c *call) error {
	in, ok := fuse.ParseFallocateIn(c.body)
	if !ok || in.Offset > math.MaxInt64 || in.Length > math.MaxInt64 {
		return unix.EINVAL
	}
	if in.Mode&^(unix.FALLOC_FL_KEEP_SIZE|unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) != 0 {
		return unix.EOPNOTSUPP
	}
	h, err := fs.handles.use(in.FH, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	return again(func() error {
		return unix.Fallocate(h.fd, in.Mode, int64(in.Offset), int64(in.Length))
	})
}

func (fs *FS) copyFileRange(c *call) error {
	in, ok := fuse.ParseCopyIn(c.body)
	if !ok || in.Flags != 0 || in.OffsetIn > math.MaxInt64 || in.OffsetOut > math.MaxInt64 {
		return unix.EINVAL
	}
	from, err := fs.handles.use(in.FHIn, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(from)
	to, err := fs.handles.use(in.FHOut, false)
	if err != nil {
		return err
	}
	defer fs.handles.done(to)
	offIn, offOut := int64(in.OffsetIn), int64(in.OffsetOut)
	n, err := againFD(func() (int, error) {
		return unix.CopyFileRange(from.fd, &offIn, to.fd, &offOut, int(min(in.Length, maxCopy)), 0)
	})
	if err != nil {
		return err
	}
	c.out.WriteOut(uint32(n))
	return nil
}
