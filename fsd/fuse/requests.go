package fuse

// InitIn is struct fuse_init_in.
type InitIn struct {
	Major, Minor uint32
	MaxReadahead uint32 // bytes
	Flags        uint64 // flags, and flags2 above them
}

// ParseInitIn reads INIT. What an older kernel leaves out is 0.
func ParseInitIn(b []byte) (in InitIn, ok bool) {
	r := reader{b: b}
	in.Major, in.Minor = r.u32(), r.u32()
	if r.short {
		return in, false
	}
	in.MaxReadahead, in.Flags = r.u32(), uint64(r.u32())
	if in.Flags&InitExt != 0 {
		in.Flags |= uint64(r.u32()) << 32
	}
	return in, true
}

// SetattrIn is struct fuse_setattr_in.
type SetattrIn struct {
	Valid                uint32 // which of the others count
	FH                   uint64
	Size                 uint64
	Atime, Mtime         uint64 // seconds
	AtimeNsec, MtimeNsec uint32
	Mode, UID, GID       uint32
}

// ParseSetattrIn reads SETATTR.
func ParseSetattrIn(b []byte) (in SetattrIn, ok bool) {
	r := reader{b: b}
	in.Valid = r.u32()
	r.skip(4)
	in.FH, in.Size = r.u64(), r.u64()
	r.skip(8) // lock_owner
	in.Atime, in.Mtime = r.u64(), r.u64()
	r.skip(8) // ctime
	in.AtimeNsec, in.MtimeNsec = r.u32(), r.u32()
	r.skip(4) // ctimensec
	in.Mode = r.u32()
	r.skip(4)
	in.UID, in.GID = r.u32(), r.u32()
	r.skip(4)
	return in, !r.short
}

// OpenIn is struct fuse_open_in, of OPEN and OPENDIR.
type OpenIn struct {
	Flags     uint32 // of open(2)
	OpenFlags uint32
}

// ParseOpenIn reads OPEN and OPENDIR.
func ParseOpenIn(b []byte) (in OpenIn, ok bool) {
	r := reader{b: b}
	in.Flags, in.OpenFlags = r.u32(), r.u32()
	return in, !r.short
}

// CreateIn is struct fuse_create_in.
type CreateIn struct {
	Flags     uint32 // of open(2)
	Mode      uint32 // the umask is out of it already
	OpenFlags uint32
}

// ParseCreateIn reads CREATE up to the name.
func ParseCreateIn(b []byte) (in CreateIn, rest []byte, ok bool) {
	r := reader{b: b}
	in.Flags, in.Mode = r.u32(), r.u32()
	r.skip(4) // umask
	in.OpenFlags = r.u32()
	return in, r.b, !r.short
}

// ParseMknodIn reads the mode and device number of MKNOD up to the name.
func ParseMknodIn(b []byte) (mode, rdev uint32, rest []byte, ok bool) {
	r := reader{b: b}
	mode, rdev = r.u32(), r.u32()
	r.skip(8) // umask, padding
	return mode, rdev, r.b, !r.short
}

// ParseMkdirIn reads the mode of MKDIR up to the name.
func ParseMkdirIn(b []byte) (mode uint32, rest []byte, ok bool) {
	r := reader{b: b}
	mode = r.u32()
	r.skip(4) // umask
	return mode, r.b, !r.short
}

// ParseRenameIn reads the new parent of RENAME up to the names.
func ParseRenameIn(b []byte) (parent uint64, rest []byte, ok bool) {
	r := reader{b: b}
	parent = r.u64()
	return parent, r.b, !r.short
}

// ParseRename2In reads the new parent and flags of RENAME2 up to the names.
func ParseRename2In(b []byte) (parent uint64, flags uint32, rest []byte, ok bool) {
	r := reader{b: b}
	parent, flags = r.u64(), r.u32()
	r.skip(4)
	return parent, flags, r.b, !r.short
}

// ReadIn is struct fuse_read_in, of READ, READDIR and READDIRPLUS.
type ReadIn struct {
	FH, Offset uint64
	Size       uint32 // bytes
}

// ParseReadIn reads READ, READDIR and READDIRPLUS.
func ParseReadIn(b []byte) (in ReadIn, ok bool) {
	r := reader{b: b}
	in.FH, in.Offset, in.Size = r.u64(), r.u64(), r.u32()
	r.skip(20) // read_flags, lock_owner, flags, padding
	return in, !r.short
}

// WriteIn is struct fuse_write_in.
type WriteIn struct {
	FH, Offset uint64
	Size       uint32 // bytes that follow
	Flags      uint32
}

// ParseWriteIn reads WRITE. ok is false as well where the data is not Size long.
func ParseWriteIn(b []byte) (in WriteIn, data []byte, ok bool) {
	r := reader{b: b}
	in.FH, in.Offset, in.Size, in.Flags = r.u64(), r.u64(), r.u32(), r.u32()
	r.skip(16) // lock_owner, flags, padding
	return in, r.b, !r.short && uint64(in.Size) == uint64(len(r.b))
}

// ParseHandle reads the file handle that RELEASE, FLUSH, FSYNC and their kind
// begin with, and the 32 bits behind it, their flags. All have size bytes.
func ParseHandle(b []byte, size int) (fh uint64, flags uint32, ok bool) {
	r := reader{b: b}
	fh, flags = r.u64(), r.u32()
	return fh, flags, !r.short && len(b) >= size
}

// Sizes for ParseHandle, in bytes.
const (
	ReleaseInSize = 24
	FlushInSize   = 24
	FsyncInSize   = 16
)

// ParseU64 reads the number that FORGET (nlookup) and LINK (oldnodeid) begin with.
func ParseU64(b []byte) (v uint64, rest []byte, ok bool) {
	r := reader{b: b}
	v = r.u64()
	return v, r.b, !r.short
}

// ParseU32 reads the number that ACCESS (mask) and GETXATTR (size) begin with,
// and skips the 4 bytes of padding behind it.
func ParseU32(b []byte) (v uint32, rest []byte, ok bool) {
	r := reader{b: b}
	v = r.u32()
	r.skip(4)
	return v, r.b, !r.short
}

// Forget is struct fuse_forget_one.
type Forget struct {
	Node, Lookups uint64
}

// ParseBatchForget reads BATCH_FORGET. ok is false where there are fewer than it
// says.
func ParseBatchForget(b []byte) (forgets func(yield func(Forget) bool), ok bool) {
	r := reader{b: b}
	count := r.u32()
	r.skip(4)
	if r.short || uint64(count) > uint64(len(r.b)/16) {
		return nil, false
	}
	return func(yield func(Forget) bool) {
		r := r
		for range count {
			if !yield(Forget{Node: r.u64(), Lookups: r.u64()}) {
				return
			}
		}
	}, true
}

// ParseSetxattrIn reads SETXATTR up to the name, in the form that is in use
// where FUSE_SETXATTR_EXT is not negotiated.
func ParseSetxattrIn(b []byte) (size, flags uint32, rest []byte, ok bool) {
	r := reader{b: b}
	size, flags = r.u32(), r.u32()
	return size, flags, r.b, !r.short
}

// FallocateIn is struct fuse_fallocate_in.
type FallocateIn struct {
	FH, Offset, Length uint64
	Mode               uint32 // of fallocate(2)
}

// ParseFallocateIn reads FALLOCATE.
func ParseFallocateIn(b []byte) (in FallocateIn, ok bool) {
	r := reader{b: b}
	in.FH, in.Offset, in.Length, in.Mode = r.u64(), r.u64(), r.u64(), r.u32()
	r.skip(4)
	return in, !r.short
}

// LseekIn is struct fuse_lseek_in.
type LseekIn struct {
	FH, Offset uint64
	Whence     uint32
}

// ParseLseekIn reads LSEEK.
func ParseLseekIn(b []byte) (in LseekIn, ok bool) {
	r := reader{b: b}
	in.FH, in.Offset, in.Whence = r.u64(), r.u64(), r.u32()
	r.skip(4)
	return in, !r.short
}

// CopyIn is struct fuse_copy_file_range_in.
type CopyIn struct {
	FHIn, OffsetIn   uint64
	FHOut, OffsetOut uint64
	Length, Flags    uint64
}

// ParseCopyIn reads COPY_FILE_RANGE.
func ParseCopyIn(b []byte) (in CopyIn, ok bool) {
	r := reader{b: b}
	in.FHIn, in.OffsetIn = r.u64(), r.u64()
	r.skip(8) // nodeid_out
	in.FHOut, in.OffsetOut, in.Length, in.Flags = r.u64(), r.u64(), r.u64(), r.u64()
	return in, !r.short
}
