package mem

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hostPointer is the address of guest memory in this process. It points outside
// the Go heap, so the garbage collector ignores it.
type hostPointer struct {
	p unsafe.Pointer
}

func (h hostPointer) address() uintptr { return uintptr(h.p) }

// mapping is what unmap needs to know, without keeping the Guest alive.
type mapping struct {
	addr uintptr
	size uint64
}

// newMemfd makes a memfd of size bytes. It is sealed at that size, since a
// process it is shared with could otherwise shorten it, and the next access
// here would be a SIGBUS.
func newMemfd(size, hugePage uint64) (fd int, err error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	switch hugePage {
	case HugePage2M:
		flags |= unix.MFD_HUGETLB | unix.MFD_HUGE_2MB
	case HugePage1G:
		flags |= unix.MFD_HUGETLB | unix.MFD_HUGE_1GB
	}
	fd, err = unix.MemfdCreate("hull-ram", flags)
	if err != nil {
		return -1, err
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	const seals = unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("seal its size: %w", err)
	}
	return fd, nil
}

func closeFD(fd int) error { return unix.Close(fd) }

// mapExtent maps size bytes of guest memory, of fd at offset (privately, if that
// is an image), or anonymous if fd is -1. The address is a multiple of 2 MiB (1 GiB for pages of that size):
// guest-physical addresses are too, and only then can host and hypervisor map
// both with one large page.
func mapExtent(size uint64, fd int, offset uint64, o Options) (hostPointer, error) {
	align := max(HugePage2M, o.HugePageSize)
	reserved, err := unix.MmapPtr(-1, 0, nil, uintptr(size+align), unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return hostPointer{}, err
	}
	// head < align, so [head, head+size) lies within the size+align bytes just
	// reserved, and so do the cuts before and behind it.
	head := -uint64(uintptr(reserved)) % align
	p := unsafe.Add(reserved, head)
	if head > 0 {
		_ = unix.MunmapPtr(reserved, uintptr(head))
	}
	if tail := align - head; tail > 0 {
		_ = unix.MunmapPtr(unsafe.Add(p, size), uintptr(tail))
	}

	flags := unix.MAP_FIXED
	switch {
	case o.mapsImage():
		flags |= unix.MAP_PRIVATE
	case fd >= 0:
		flags |= unix.MAP_SHARED
	default:
		flags |= unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	}
	switch o.HugePageSize {
	case HugePage2M:
		flags |= unix.MAP_HUGETLB | unix.MAP_HUGE_2MB
	case HugePage1G:
		flags |= unix.MAP_HUGETLB | unix.MAP_HUGE_1GB
	default:
		flags |= unix.MAP_NORESERVE // huge pages keep their reservation: without one the guest would die of SIGBUS later
	}
	// p is a multiple of align inside our own reservation: MAP_FIXED replaces
	// nothing else.
	if _, err := unix.MmapPtr(fd, int64(offset), p, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, flags); err != nil {
		_ = unix.MunmapPtr(p, uintptr(size))
		return hostPointer{}, err
	}
	if err := advise(p, size, unix.MADV_DONTDUMP); err != nil {
		_ = unix.MunmapPtr(p, uintptr(size))
		return hostPointer{}, fmt.Errorf("keep it out of core dumps: %w", err)
	}
	if o.THP {
		if err := advise(p, size, unix.MADV_HUGEPAGE); err != nil {
			_ = unix.MunmapPtr(p, uintptr(size))
			return hostPointer{}, fmt.Errorf("ask for transparent huge pages, which this kernel may lack: %w", err)
		}
	}
	return hostPointer{p}, nil
}

// advise calls madvise on a whole mapping: p and size are those of a mapping
// made by mapExtent.
func advise(p unsafe.Pointer, size uint64, advice int) error {
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(p), uintptr(size), uintptr(advice)); errno != 0 {
		return errno
	}
	return nil
}

// replaceMapping puts empty private memory in the place of guest memory, which
// drops it. h and size are those of a mapping made by mapExtent and still
// there, so MAP_FIXED replaces exactly that.
func replaceMapping(h hostPointer, size uint64) error {
	_, err := unix.MmapPtr(-1, 0, h.p, uintptr(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_FIXED|unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	return err
}

// replaceAt puts empty private memory in the place of n bytes at offset off of the
// region. The callers hold that off+n <= r.size, which are whole pages: MAP_FIXED
// replaces a part of the region's own mapping.
func (r *region) replaceAt(off, n uint64) error {
	h := hostPointer{unsafe.Add(r.host.p, off)}
	if err := replaceMapping(h, n); err != nil {
		return err
	}
	return advise(h.p, n, unix.MADV_DONTDUMP)
}

// mapLayer maps n bytes at an offset of a file privately in the place of those at
// offset off of the region. The callers hold that off+n <= r.size, which are whole
// pages: MAP_FIXED replaces a part of the region's own mapping.
func (r *region) mapLayer(off, n uint64, fd int, fileOffset uint64, thp bool) error {
	p := unsafe.Add(r.host.p, off)
	flags := unix.MAP_FIXED | unix.MAP_PRIVATE | unix.MAP_NORESERVE
	if _, err := unix.MmapPtr(fd, int64(fileOffset), p, uintptr(n), unix.PROT_READ|unix.PROT_WRITE, flags); err != nil {
		return err
	}
	if err := advise(p, n, unix.MADV_DONTDUMP); err != nil {
		return err
	}
	if thp {
		return advise(p, n, unix.MADV_HUGEPAGE)
	}
	return nil
}

// unmap releases the addresses of m. It runs once nothing refers to the Guest
// any more, so no access can still use them.
func unmap(m mapping) {
	_, _, _ = unix.Syscall(unix.SYS_MUNMAP, m.addr, uintptr(m.size), 0)
}

// bytesAt returns the n bytes at offset off of the region.
//
// The callers hold that off+n <= r.size, which lies within the mapping, and that
// n fits an int: region sizes are below MaxSize. The slice must not outlive the
// call of the Guest method that asked for it.
func (r *region) bytesAt(off, n uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(r.host.p, off)), n)
}

// discardAt gives the n bytes at offset off of the region back to the host: they
// read as zero afterwards. The callers hold that off+n <= r.size, and that both
// are multiples of the mapping's page size.
func (r *region) discardAt(off, n uint64, fd int, fdOffset uint64) error {
	p := unsafe.Add(r.host.p, off)
	if fd < 0 {
		return advise(p, n, unix.MADV_DONTNEED)
	}
	return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(fdOffset+off), int64(n))
}

// residentAt asks which of the n bytes at offset off of the region the host holds
// (mincore(2)): a byte of answer for each page. The callers hold that off+n <=
// r.size, which are whole pages, and that answer has n/PageSize bytes or more.
func (r *region) residentAt(off, n uint64, answer []byte) error {
	p := unsafe.Add(r.host.p, off)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(p), uintptr(n), uintptr(unsafe.Pointer(unsafe.SliceData(answer)))); errno != 0 {
		return errno
	}
	return nil
}
