package fusetest

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// Entry is the reply to what looks a name up or makes one.
type Entry struct {
	Node                  uint64
	EntryValid, AttrValid uint64 // seconds
	Attr                  fuse.Attr
}

// Init begins a session, offering all flags given, and returns those agreed.
func (c *Client) Init(flags uint64) (uint64, error) {
	b, err := c.Call(fuse.INIT, 0, Body(uint32(7), uint32(38), uint32(1<<17), uint32(flags), uint32(flags>>32), make([]byte, 44)), 64)
	if err != nil {
		return 0, err
	}
	if len(b) != 64 {
		return 0, fmt.Errorf("INIT: %d bytes", len(b))
	}
	n := numbers(b[12:])
	return uint64(n.u32()), nil
}

// AllFlags are all that a kernel may offer.
const AllFlags = math.MaxUint32 &^ (1 << 31)

// Lookup looks a name up.
func (c *Client) Lookup(parent uint64, name string) (Entry, error) {
	return entry(c.Call(fuse.LOOKUP, parent, Body(name), fuse.EntrySize))
}

func entry(b []byte, err error) (Entry, error) {
	if err != nil {
		return Entry{}, err
	}
	if len(b) < fuse.EntrySize {
		return Entry{}, fmt.Errorf("entry of %d bytes", len(b))
	}
	n := numbers(b)
	e := Entry{Node: n.u64()}
	if gen := n.u64(); gen != 0 {
		return e, fmt.Errorf("generation %d", gen)
	}
	e.EntryValid, e.AttrValid = n.u64(), n.u64()
	n.u64() // nanoseconds
	e.Attr = n.attr()
	return e, nil
}

func (n *numbers) attr() (a fuse.Attr) {
	a.Ino, a.Size, a.Blocks = n.u64(), n.u64(), n.u64()
	a.Atime, a.Mtime, a.Ctime = n.u64(), n.u64(), n.u64()
	a.AtimeNsec, a.MtimeNsec, a.CtimeNsec = n.u32(), n.u32(), n.u32()
	a.Mode, a.Nlink, a.UID, a.GID = n.u32(), n.u32(), n.u32(), n.u32()
	a.Rdev, a.Blksize, a.Flags = n.u32(), n.u32(), n.u32()
	return a
}

func attrOut(b []byte, err error) (fuse.Attr, error) {
	if err != nil {
		return fuse.Attr{}, err
	}
	if len(b) != 16+fuse.AttrSize {
		return fuse.Attr{}, fmt.Errorf("attributes of %d bytes", len(b))
	}
	n := numbers(b[16:])
	return n.attr(), nil
}

// Forget takes lookups back.
func (c *Client) Forget(node, lookups uint64) error {
	_, err := c.Do(c.Request(fuse.FORGET, node, Body(lookups)), 0)
	return err
}

// Getattr asks for a node's attributes.
func (c *Client) Getattr(node uint64) (fuse.Attr, error) {
	return attrOut(c.Call(fuse.GETATTR, node, Body(uint64(0), uint64(0)), 16+fuse.AttrSize))
}

// Setattr changes a node's attributes.
func (c *Client) Setattr(node uint64, in fuse.SetattrIn) (fuse.Attr, error) {
	return attrOut(c.Call(fuse.SETATTR, node, Body(
		in.Valid, uint32(0), in.FH, in.Size, uint64(0), in.Atime, in.Mtime, uint64(0),
		in.AtimeNsec, in.MtimeNsec, uint32(0), in.Mode, uint32(0), in.UID, in.GID, uint32(0),
	), 16+fuse.AttrSize))
}

// Mkdir makes a directory.
func (c *Client) Mkdir(parent uint64, name string, mode uint32) (Entry, error) {
	return entry(c.Call(fuse.MKDIR, parent, Body(mode, uint32(0), name), fuse.EntrySize))
}

// Mknod makes a file of any kind.
func (c *Client) Mknod(parent uint64, name string, mode, rdev uint32) (Entry, error) {
	return entry(c.Call(fuse.MKNOD, parent, Body(mode, rdev, uint64(0), name), fuse.EntrySize))
}

// Symlink makes a symbolic link.
func (c *Client) Symlink(parent uint64, name, target string) (Entry, error) {
	return entry(c.Call(fuse.SYMLINK, parent, Body(name, target), fuse.EntrySize))
}

// Readlink reads a symbolic link.
func (c *Client) Readlink(node uint64) (string, error) {
	b, err := c.Call(fuse.READLINK, node, nil, 4096)
	return string(b), err
}

// Link gives a node another name.
func (c *Client) Link(node, parent uint64, name string) (Entry, error) {
	return entry(c.Call(fuse.LINK, parent, Body(node, name), fuse.EntrySize))
}

// Unlink removes a file's name.
func (c *Client) Unlink(parent uint64, name string) error {
	_, err := c.Call(fuse.UNLINK, parent, Body(name), 0)
	return err
}

// Rmdir removes a directory.
func (c *Client) Rmdir(parent uint64, name string) error {
	_, err := c.Call(fuse.RMDIR, parent, Body(name), 0)
	return err
}

// Rename renames with the flags of renameat2(2).
func (c *Client) Rename(parent uint64, name string, newParent uint64, newName string, flags uint32) error {
	if flags == 0 {
		_, err := c.Call(fuse.RENAME, parent, Body(newParent, name, newName), 0)
		return err
	}
	_, err := c.Call(fuse.RENAME2, parent, Body(newParent, flags, uint32(0), name, newName), 0)
	return err
}

// Open opens a file and returns its handle.
func (c *Client) Open(node uint64, flags uint32) (uint64, error) {
	return opened(c.Call(fuse.OPEN, node, Body(flags, uint32(0)), 16))
}

// Opendir opens a directory and returns its handle.
func (c *Client) Opendir(node uint64) (uint64, error) {
	return opened(c.Call(fuse.OPENDIR, node, Body(uint32(unix.O_DIRECTORY), uint32(0)), 16))
}

func opened(b []byte, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	if len(b) != 16 {
		return 0, fmt.Errorf("open: %d bytes", len(b))
	}
	n := numbers(b)
	return n.u64(), nil
}

// Create makes a file and opens it.
func (c *Client) Create(parent uint64, name string, flags, mode uint32) (Entry, uint64, error) {
	b, err := c.Call(fuse.CREATE, parent, Body(flags|unix.O_CREAT, mode, uint32(0), uint32(0), name), fuse.EntrySize+16)
	e, err := entry(b, err)
	if err != nil {
		return e, 0, err
	}
	fh, err := opened(b[fuse.EntrySize:], nil)
	return e, fh, err
}

// Read reads from a file.
func (c *Client) Read(node, fh, off uint64, size int) ([]byte, error) {
	return c.Call(fuse.READ, node, Body(fh, off, uint32(size), make([]byte, 20)), size)
}

// Write writes to a file with FUSE's flags for writes.
func (c *Client) Write(node, fh, off uint64, p []byte, flags uint32) (int, error) {
	b, err := c.Call(fuse.WRITE, node, Body(fh, off, uint32(len(p)), flags, make([]byte, 16), p), 8)
	if err != nil {
		return 0, err
	}
	n := numbers(b)
	return int(n.u32()), nil
}

// Release closes a file or a directory.
func (c *Client) Release(op fuse.Opcode, node, fh uint64) error {
	_, err := c.Call(op, node, Body(fh, uint64(0), uint64(0)), 0)
	return err
}

// Fsync makes a file or a directory durable.
func (c *Client) Fsync(op fuse.Opcode, node, fh uint64, flags uint32) error {
	_, err := c.Call(op, node, Body(fh, flags, uint32(0)), 0)
	return err
}

// Dirent is an entry of a directory. Node is 0 where READDIRPLUS says nothing of
// it, and from READDIR.
type Dirent struct {
	Entry
	Ino, Next uint64
	Kind      uint32
	Name      string
}

// Readdir reads entries of a directory from an offset on: as many as fit in size
// bytes.
func (c *Client) Readdir(op fuse.Opcode, node, fh, off uint64, size int) (list []Dirent, err error) {
	b, err := c.Call(op, node, Body(fh, off, uint32(size), make([]byte, 20)), size)
	if err != nil {
		return nil, err
	}
	for len(b) > 0 {
		var d Dirent
		if op == fuse.READDIRPLUS {
			if d.Entry, err = entry(b, nil); err != nil {
				return nil, err
			}
			b = b[fuse.EntrySize:]
		}
		if len(b) < fuse.DirentSize {
			return nil, fmt.Errorf("%d bytes of an entry", len(b))
		}
		n := numbers(b)
		d.Ino, d.Next = n.u64(), n.u64()
		length := int(n.u32())
		d.Kind = n.u32()
		if fuse.DirentLen(length) > len(b) {
			return nil, fmt.Errorf("name of %d bytes in %d", length, len(n))
		}
		d.Name = string(n[:length])
		b = b[fuse.DirentLen(length):]
		list = append(list, d)
	}
	return list, nil
}
