package fuse

import "time"

// Attr is struct fuse_attr.
type Attr struct {
	Ino, Size, Blocks   uint64 // blocks of 512 bytes
	Atime, Mtime, Ctime uint64 // seconds
	AtimeNsec           uint32
	MtimeNsec           uint32
	CtimeNsec           uint32
	Mode, Nlink         uint32
	UID, GID            uint32
	Rdev                uint32 // as new_encode_dev writes it
	Blksize             uint32
	Flags               uint32
}

// Sizes of what replies are made of, in bytes.
const (
	AttrSize   = 88
	EntrySize  = 40 + AttrSize // struct fuse_entry_out
	DirentSize = 24            // struct fuse_dirent, without the name
)

// Attr appends struct fuse_attr.
func (r *Reply) Attr(a *Attr) {
	for _, v := range [...]uint64{a.Ino, a.Size, a.Blocks, a.Atime, a.Mtime, a.Ctime} {
		r.U64(v)
	}
	for _, v := range [...]uint32{
		a.AtimeNsec, a.MtimeNsec, a.CtimeNsec, a.Mode, a.Nlink,
		a.UID, a.GID, a.Rdev, a.Blksize, a.Flags,
	} {
		r.U32(v)
	}
}

// AttrOut appends struct fuse_attr_out.
func (r *Reply) AttrOut(a *Attr, valid time.Duration) {
	r.U64(uint64(valid / time.Second))
	r.U32(uint32(valid % time.Second))
	r.U32(0)
	r.Attr(a)
}

// Entry is struct fuse_entry_out. The zero value with a timeout says that there
// is no such name.
type Entry struct {
	Node       uint64
	EntryValid time.Duration
	AttrValid  time.Duration
	Attr       Attr
}

// Entry appends struct fuse_entry_out. Node ids are never used again: their
// generation is 0.
func (r *Reply) Entry(e *Entry) {
	r.U64(e.Node)
	r.U64(0)
	r.U64(uint64(e.EntryValid / time.Second))
	r.U64(uint64(e.AttrValid / time.Second))
	r.U32(uint32(e.EntryValid % time.Second))
	r.U32(uint32(e.AttrValid % time.Second))
	r.Attr(&e.Attr)
}

// OpenOut appends struct fuse_open_out.
func (r *Reply) OpenOut(fh uint64, flags uint32) {
	r.U64(fh)
	r.U32(flags)
	r.U32(0)
}

// WriteOut appends struct fuse_write_out.
func (r *Reply) WriteOut(size uint32) {
	r.U32(size)
	r.U32(0)
}

// InitOut is struct fuse_init_out.
type InitOut struct {
	Minor               uint32
	MaxReadahead        uint32 // bytes
	Flags               uint64
	MaxBackground       uint16 // requests
	CongestionThreshold uint16 // requests
	MaxWrite            uint32 // bytes
	TimeGran            uint32 // nanoseconds
	MaxPages            uint16
}

// InitOut appends struct fuse_init_out.
func (r *Reply) InitOut(o *InitOut) {
	r.U32(Major)
	r.U32(o.Minor)
	r.U32(o.MaxReadahead)
	r.U32(uint32(o.Flags))
	r.U16(o.MaxBackground)
	r.U16(o.CongestionThreshold)
	r.U32(o.MaxWrite)
	r.U32(o.TimeGran)
	r.U16(o.MaxPages)
	r.U16(0) // map_alignment
	r.U32(uint32(o.Flags >> 32))
	r.Zeros(28)
}

// Statfs is struct fuse_kstatfs.
type Statfs struct {
	Blocks, Bfree, Bavail  uint64 // of Frsize bytes
	Files, Ffree           uint64
	Bsize, Namelen, Frsize uint32
}

// Statfs appends struct fuse_statfs_out.
func (r *Reply) Statfs(s *Statfs) {
	for _, v := range [...]uint64{s.Blocks, s.Bfree, s.Bavail, s.Files, s.Ffree} {
		r.U64(v)
	}
	r.U32(s.Bsize)
	r.U32(s.Namelen)
	r.U32(s.Frsize)
	r.Zeros(28)
}

// DirentLen is what an entry of a directory with a name of n bytes takes.
func DirentLen(n int) int { return (DirentSize + n + 7) &^ 7 }

// Dirent appends struct fuse_dirent. next is the offset at which the directory
// goes on behind it.
func (r *Reply) Dirent(ino, next uint64, kind uint32, name []byte) {
	r.U64(ino)
	r.U64(next)
	r.U32(uint32(len(name)))
	r.U32(kind)
	r.Bytes(name)
	r.Zeros(DirentLen(len(name)) - DirentSize - len(name))
}
