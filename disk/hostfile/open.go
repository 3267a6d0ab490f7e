package hostfile

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Options say how a file is opened.
type Options struct {
	ReadOnly bool
	// Direct goes around the host's page cache (O_DIRECT).
	Direct bool
	// Lock takes the lock described at Lock, shared where ReadOnly is set.
	Lock bool
}

// File is a regular file or a block device. Its methods may be called from any
// goroutine at the same time.
type File struct {
	f      *os.File
	fd     int
	block  bool // a block device: its size is not ours
	size   atomic.Int64
	direct *direct // nil without O_DIRECT

	noPunch, noZeroRange  atomic.Bool // the file system said so once
	noTryRead, noTryWrite atomic.Bool // likewise of transfers that do not wait

	unlock bool // the lock is this File's, and goes when it is closed
}

// Open opens the file at path. Anything but a regular file or a block device is
// refused, without waiting for the other end of a pipe.
func Open(path string, o Options) (*File, error) {
	f, err := OpenFile(path, o)
	if err != nil {
		return nil, err
	}
	h, err := New(f, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// OpenFile opens the file at path, for a process that hands it to another. It
// looks no further, and takes no lock.
func OpenFile(path string, o Options) (*os.File, error) {
	flags := os.O_RDWR
	if o.ReadOnly {
		flags = os.O_RDONLY
	}
	if o.Direct {
		flags |= unix.O_DIRECT
	}
	f, err := os.OpenFile(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		if o.Direct && errors.Is(err, unix.EINVAL) {
			return nil, fmt.Errorf("open %q: its file system has no direct I/O: %w", path, unix.EINVAL)
		}
		return nil, fmt.Errorf("open %q: %w", path, errors.Unwrap(err))
	}
	return f, nil
}

// Dup is a File for reading, on a descriptor of its own for what f has open.
func Dup(f *os.File) (*File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("descriptor of %q: %w", f.Name(), err)
	}
	dup := os.NewFile(uintptr(fd), f.Name())
	h, err := New(dup, Options{ReadOnly: true})
	if err != nil {
		return nil, errors.Join(err, dup.Close())
	}
	return h, nil
}

// New is Open for a file that is open already, perhaps by a parent that may
// open what this process may not. It owns f where it succeeds.
func New(f *os.File, o Options) (*File, error) {
	h := &File{f: f, fd: int(f.Fd())}
	var st unix.Stat_t
	if err := unix.Fstat(h.fd, &st); err != nil {
		return nil, fmt.Errorf("stat %q: %w", f.Name(), err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFBLK:
		h.block = true
	default:
		return nil, fmt.Errorf("open %q: neither a regular file nor a block device", f.Name())
	}
	flags, err := unix.FcntlInt(uintptr(h.fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, fmt.Errorf("flags of %q: %w", f.Name(), err)
	}
	if mode := flags & unix.O_ACCMODE; mode == unix.O_WRONLY || mode == unix.O_RDONLY && !o.ReadOnly {
		return nil, fmt.Errorf("open %q: not open for reading and writing: %w", f.Name(), unix.EBADF)
	}
	if flags&unix.O_DIRECT != 0 {
		h.direct = newDirect(h.fd)
	}
	if err := h.Refresh(); err != nil {
		return nil, err
	}
	if o.Lock {
		if err := Lock(f, !o.ReadOnly); err != nil {
			return nil, err
		}
		h.unlock = true
	}
	return h, nil
}

// Refresh asks the host how large the file is now.
func (h *File) Refresh() error {
	var size int64
	if h.block {
		n, err := blockSize64(h.fd)
		if err != nil {
			return fmt.Errorf("size of %q: %w", h.f.Name(), err)
		}
		size = n
	} else {
		var st unix.Stat_t
		if err := unix.Fstat(h.fd, &st); err != nil {
			return fmt.Errorf("stat %q: %w", h.f.Name(), err)
		}
		size = st.Size
	}
	h.size.Store(size)
	return nil
}

// Size is the file's length in bytes as far as this process has seen: when it
// was opened, and as it has been written and set since.
func (h *File) Size() int64 { return h.size.Load() }

// Block says that this is a block device, whose size only its owner changes.
func (h *File) Block() bool { return h.block }

// Name is the path that the file was opened by.
func (h *File) Name() string { return h.f.Name() }

// ID tells files apart that have several names.
func (h *File) ID() (ID, error) { return FileID(h.f) }

// UnlockOnClose says that the lock was taken for this File, by Lock. One that a
// parent took stays for as long as the parent, or somebody else who got the same
// open file, has it open.
func (h *File) UnlockOnClose() { h.unlock = true }

// Close gives the lock back with the file, if it is this File's. Closing alone
// would not: a child process that is being started has the file too, until it
// executes its program.
func (h *File) Close() error {
	var err error
	if h.unlock {
		err = Unlock(h.f)
	}
	return errors.Join(err, h.f.Close())
}

// ID is what makes a file that file on its host.
type ID struct{ dev, inode, rdev uint64 }

// FileID is the identity of an open file.
func FileID(f *os.File) (ID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return ID{}, fmt.Errorf("stat %q: %w", f.Name(), err)
	}
	id := ID{dev: st.Dev, inode: st.Ino}
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		id = ID{rdev: st.Rdev}
	}
	return id, nil
}
