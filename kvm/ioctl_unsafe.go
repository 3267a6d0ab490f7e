package kvm

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call makes an ioctl with a number, or nothing, as its argument.
func call(fd int, nr ioctl, arg uintptr) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(nr), arg)
		switch errno {
		case 0:
			return int(r), nil
		case unix.EINTR:
			// A signal of the Go runtime's; no call but KVM_RUN means anything
			// else by it.
			if nr == ioRun {
				return 0, errno
			}
		default:
			return 0, errno
		}
	}
}

// callWith makes an ioctl with a structure as its argument. T must have the size
// in the number (TestStructuresHaveTheKernelsSizes), so that the kernel stays
// inside it.
func callWith[T any](fd int, nr ioctl, arg *T) (int, error) {
	return call(fd, nr, uintptr(unsafe.Pointer(arg)))
}

// list makes a call on a header that is followed by entries. The buffer holds
// both, and count is its number of entries: what the header tells the kernel.
func list[H, E any](fd int, nr ioctl, head H, entries []E) (H, []E, int, error) {
	headSize := unsafe.Sizeof(head)
	var e E
	// Allocated as words, which aligns it for every structure of KVM's.
	buffer := make([]uint64, (headSize+unsafe.Sizeof(e)*uintptr(len(entries))+7)/8+1)
	base := unsafe.Pointer(&buffer[0])
	*(*H)(base) = head
	// len(entries) of E behind the header is what buffer was made for.
	tail := unsafe.Slice((*E)(unsafe.Add(base, headSize)), len(entries))
	copy(tail, entries)
	n, err := call(fd, nr, uintptr(base))
	return *(*H)(base), tail, n, err
}

// bitmapAddr is the address of a dirty bitmap for the kernel. The caller keeps
// bitmap alive over the call.
func bitmapAddr(bitmap []uint64) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(bitmap))) }

// pointerTo is the address of a value for a structure that points to it. The
// caller keeps v alive over the call.
func pointerTo[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }

// mapRun maps a vCPU's struct kvm_run, of size bytes.
func mapRun(fd, size int) ([]byte, error) {
	if size < runMinSize {
		return nil, errors.New("kvm_run is shorter than its fixed part")
	}
	return unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// at is the field at an offset of a vCPU's run page. Every offset is a constant
// below runMinSize, and mapRun has held that the page is at least that long.
func at[T any](page []byte, off uintptr) *T { return (*T)(unsafe.Pointer(&page[off])) }
