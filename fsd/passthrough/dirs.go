package passthrough

import (
	"bytes"
	"encoding/binary"
	"math"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// direntBuffer is how much of a directory is read at once, in bytes.
const direntBuffer = 32 << 10

// Offsets in struct linux_dirent64.
const (
	linuxIno    = 0
	linuxOff    = 8
	linuxReclen = 16
	linuxType   = 18
	linuxName   = 19

	// maxDirent is what an entry with the longest name takes.
	maxDirent = (linuxName + 255 + 1 + 7) &^ 7
)

func (fs *FS) opendir(c *call) error {
	if _, ok := fuse.ParseOpenIn(c.body); !ok || !c.out.Fits(16) {
		return unix.EINVAL
	}
	n, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(n)
	if n.kind != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	if err := fs.budget.take(); err != nil {
		return err
	}
	fd, err := fs.openNode(n, unix.O_RDONLY)
	if err != nil {
		fs.budget.give()
		return err
	}
	var flags uint32
	if fs.o.Cache == CacheAlways {
		flags = fuse.OpenedKeepCache | fuse.OpenedCacheDir
	}
	c.out.OpenOut(fs.handles.add(fd, true), flags)
	return nil
}

func (fs *FS) releasedir(c *call) error {
	fh, _, ok := fuse.ParseHandle(c.body, fuse.ReleaseInSize)
	if !ok {
		return unix.EINVAL
	}
	return fs.handles.release(fh, true)
}

func (fs *FS) readdir(c *call) error     { return fs.list(c, false) }
func (fs *FS) readdirplus(c *call) error { return fs.list(c, true) }

// list writes as many entries as there is room for. An offset is the host's own
// for that place in the directory, so it stays good for as long as the directory
// is open, and after entries before it have gone.
func (fs *FS) list(c *call, plus bool) error {
	in, ok := fuse.ParseReadIn(c.body)
	if !ok || in.Offset > math.MaxInt64 {
		return unix.EINVAL
	}
	parent, err := fs.nodes.use(c.Node)
	if err != nil {
		return err
	}
	defer fs.nodes.done(parent)
	h, err := fs.handles.use(in.FH, true)
	if err != nil {
		return err
	}
	defer fs.handles.done(h)
	h.mu.Lock()
	defer h.mu.Unlock()
	l := lister{fs: fs, c: c, plus: plus, parent: parent, left: min(len(c.out.Room()), int(min(in.Size, math.MaxInt32)))}
	return l.list(h, int64(in.Offset))
}

// lister is one READDIR or READDIRPLUS.
type lister struct {
	fs     *FS
	c      *call
	plus   bool
	parent *node
	left   int // bytes that the guest has room for
	count  int // entries written
}

// list goes on at off. The handle's mutex is held.
func (l *lister) list(h *handle, off int64) error {
	if off != h.at {
		if _, err := unix.Seek(h.fd, off, unix.SEEK_SET); err != nil {
			return err
		}
	}
	h.at = -1
	b := l.fs.buffers.Get().(*[direntBuffer]byte)
	defer l.fs.buffers.Put(b)
	for {
		n, err := againFD(func() (int, error) { return unix.Getdents(h.fd, b[:l.chunk()]) })
		if err != nil && l.count == 0 {
			return err
		}
		if err != nil || n <= 0 {
			h.at = off
			return nil
		}
		full := false
		off, full = l.entries(b[:n], off)
		if full {
			// What was read and not given is read again.
			if l.count == 0 {
				return unix.EINVAL
			}
			return nil
		}
		if l.left < l.size(255) {
			h.at = off
			return nil
		}
	}
}

// chunk is how much to read so that it likely fits: an entry of the guest's is
// larger than the host's, at most by 8 bytes, and by that of a node.
func (l *lister) chunk() int {
	const least = (linuxName + 1 + 1 + 7) &^ 7
	n := l.left / (least + 8) * least
	if l.plus {
		n = l.left / (least + 8 + fuse.EntrySize) * least
	}
	return min(max(n, maxDirent), direntBuffer)
}

func (l *lister) size(name int) int {
	if l.plus {
		return fuse.EntrySize + fuse.DirentLen(name)
	}
	return fuse.DirentLen(name)
}

// entries writes those that fit, and returns the offset behind the last.
func (l *lister) entries(b []byte, off int64) (next int64, full bool) {
	for len(b) >= linuxName {
		length := int(binary.LittleEndian.Uint16(b[linuxReclen:]))
		if length < linuxName || length > len(b) {
			return off, false // not the kernel's way
		}
		entry := b[:length]
		b = b[length:]
		name, _, _ := bytes.Cut(entry[linuxName:], []byte{0})
		if l.size(len(name)) > l.left {
			return off, true
		}
		off = int64(binary.LittleEndian.Uint64(entry[linuxOff:]))
		l.put(binary.LittleEndian.Uint64(entry[linuxIno:]), off, uint32(entry[linuxType]), name)
	}
	return off, false
}

func (l *lister) put(ino uint64, next int64, kind uint32, name []byte) {
	dots := string(name) == "." || string(name) == ".."
	if dots && l.parent.id == fuse.RootID {
		ino = l.parent.key.ino // there is nothing above
	}
	if l.plus {
		var entry fuse.Entry
		if !dots && !l.fs.budget.tight() {
			n, st, err := l.fs.child(l.parent, string(name))
			if err == unix.ENOENT {
				return // gone meanwhile
			}
			if err == nil {
				entry = *l.fs.entry(n, st)
				defer l.fs.nodes.done(n)
			}
		}
		// A node id of 0 says nothing of the entry but its name.
		l.c.out.Entry(&entry)
	}
	l.c.out.Dirent(ino, uint64(next), kind, name)
	l.left -= l.size(len(name))
	l.count++
}
