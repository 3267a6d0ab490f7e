package hostfile

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
	"github.com/hullvm/hull/internal/iovec"
)

// direct is what O_DIRECT asks for: memory, offsets and lengths in whole
// blocks. A transfer that is not goes through a buffer that is.
type direct struct {
	align int64
	// mu is held for writing by a write that has to read the rest of its
	// blocks first, and for reading by one that has not: the former must not
	// put an old block over what the latter wrote.
	mu sync.RWMutex
}

// bounceSize is how much goes through a buffer at once.
const bounceSize = 1 << 20

func newDirect(fd int) *direct {
	d := &direct{align: 4096}
	var sx unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &sx)
	if err == nil && sx.Mask&unix.STATX_DIOALIGN != 0 && sx.Dio_offset_align > 0 {
		a := int64(max(sx.Dio_offset_align, sx.Dio_mem_align))
		if a&(a-1) == 0 && a >= 512 && a <= bounceSize {
			d.align = a
		}
	}
	return d
}

// aligned says that the kernel takes the transfer as it is.
func (d *direct) aligned(iov []unix.Iovec, off int64) bool {
	bad := uint64(off)
	for i := range iov {
		bad |= iov[i].Len | uint64(addressOf(&iov[i]))
	}
	return bad&uint64(d.align-1) == 0
}

func (d *direct) buffer(n int64) []byte {
	p := make([]byte, n+d.align)
	skip := -int64(addressOfSlice(p)) & (d.align - 1)
	return p[skip : skip+n]
}

// each calls do for the blocks that cover n bytes at off, in pieces: block is
// where a piece starts, p a buffer for it, and [from, to) the part of p that
// was asked for, which lies at done in the request.
func (d *direct) each(off, n int64, do func(block int64, p []byte, from, to, done int64) error) error {
	start, end := off&^(d.align-1), (off+n+d.align-1)&^(d.align-1)
	buf := d.buffer(min(end-start, bounceSize))
	for start < end {
		p := buf[:min(end-start, int64(len(buf)))]
		from, to := max(off-start, 0), min(off+n-start, int64(len(p)))
		if err := do(start, p, from, to, start+from-off); err != nil {
			return err
		}
		start += int64(len(p))
	}
	return nil
}

func (d *direct) readv(h *File, iov []unix.Iovec, off int64) error {
	// Aligned or not, a read that meets the end of the file comes back short by
	// less than a block, and is not repeated from there.
	if d.aligned(iov, off) && off+vectors.Len(iov) <= h.Size() {
		return h.transfer(iov, off, iovec.Preadv, true)
	}
	return d.each(off, vectors.Len(iov), func(block int64, p []byte, from, to, done int64) error {
		if err := d.readBlocks(h, p, block); err != nil {
			return err
		}
		vectors.CopyTo(vectors.Slice(iov, done, to-from), p[from:to])
		return nil
	})
}

func (d *direct) readBlocks(h *File, p []byte, off int64) error {
	for {
		n, err := iovec.Preadv(h.fd, vectors.Of(nil, p), off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		whole := n &^ int(d.align-1)
		if n == len(p) || whole != n || n == 0 {
			clear(p[n:])
			return nil
		}
		p, off = p[whole:], off+int64(whole)
	}
}

func (d *direct) writev(h *File, iov []unix.Iovec, off int64) error {
	if d.aligned(iov, off) {
		d.mu.RLock()
		defer d.mu.RUnlock()
		return h.transfer(iov, off, iovec.Pwritev, false)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.each(off, vectors.Len(iov), func(block int64, p []byte, from, to, done int64) error {
		if from > 0 || to < int64(len(p)) {
			if err := d.readBlocks(h, p, block); err != nil {
				return err
			}
		}
		vectors.CopyFrom(p[from:to], vectors.Slice(iov, done, to-from))
		if err := h.transfer(vectors.Of(nil, p), block, iovec.Pwritev, false); err != nil {
			return err
		}
		if end := max(h.Size(), block+to); !h.block && end < block+int64(len(p)) {
			return unix.Ftruncate(h.fd, end) // the file ends where it was asked to
		}
		return nil
	})
}
