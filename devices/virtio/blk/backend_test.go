package blk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/iovec"
)

// ram is a disk in memory. hook, where set, is called before each request with
// what it is, and can hold it up or make it fail.
type ram struct {
	hook func(what string) error

	mu      sync.Mutex // guards what follows
	content []byte
	calls   []string
	durable []byte // content as of the last flush
}

func newRAM(size int) *ram { return &ram{content: make([]byte, size), durable: make([]byte, size)} }

func (r *ram) Size() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return int64(len(r.content))
}

// do is every request's frame: f works on the n bytes at off.
func (r *ram) do(what string, off, n int64, f func(p []byte)) error {
	call := fmt.Sprintf("%s %d+%d", what, off, n)
	if r.hook != nil {
		if err := r.hook(call); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if off < 0 || n < 0 || off > int64(len(r.content))-n || off%sectorSize != 0 || n%sectorSize != 0 {
		panic("a request that should not have come through: " + call)
	}
	r.calls = append(r.calls, call)
	f(r.content[off : off+n])
	return nil
}

func total(iov []unix.Iovec) (n int64) {
	for _, v := range iov {
		n += int64(v.Len)
	}
	return n
}

func (r *ram) Readv(iov []unix.Iovec, off int64) error {
	return r.do("read", off, total(iov), func(p []byte) {
		for _, v := range iov {
			p = p[copy(bytesOf(v), p):]
		}
	})
}

func (r *ram) Writev(iov []unix.Iovec, off int64) error {
	return r.do("write", off, total(iov), func(p []byte) {
		for _, v := range iov {
			p = p[copy(p, bytesOf(v)):]
		}
	})
}

func (r *ram) Flush() error {
	return r.do("flush", 0, 0, func([]byte) { copy(r.durable, r.content) })
}

func (r *ram) Discard(off, n int64) error {
	return r.do("discard", off, n, func(p []byte) {
		for i := range p {
			p[i] = 0xdd
		}
	})
}

func (r *ram) WriteZeroes(off, n int64, mayUnmap bool) error {
	return r.do(fmt.Sprintf("zero unmap=%v", mayUnmap), off, n, func(p []byte) { clear(p) })
}

// takeCalls returns what was asked of the disk since the last time.
func (r *ram) takeCalls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// quick is a disk that can do some transfers at once.
type quick struct {
	*ram
	can func(off int64) (bool, error)
}

func (q *quick) TryReadv(iov []unix.Iovec, off int64) (bool, error) {
	if done, err := q.can(off); !done || err != nil {
		bytesOf(iov[0])[0] = 0xee // part of it
		return false, err
	}
	return true, q.Readv(iov, off)
}

func (q *quick) TryWritev(iov []unix.Iovec, off int64) (bool, error) {
	if done, err := q.can(off); !done || err != nil {
		return false, err
	}
	return true, q.Writev(iov, off)
}

// file is a disk in a file that the host caches.
type file struct {
	fd   int
	size int64
}

func newFile(t testing.TB, size int64) *file {
	f, err := os.CreateTemp(t.TempDir(), "disk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); err != nil && f.Truncate(size) != nil {
		t.Fatal(err)
	}
	return &file{fd: int(f.Fd()), size: size}
}

func (f *file) Size() int64                          { return f.size }
func (f *file) Flush() error                         { return unix.Fdatasync(f.fd) }
func (f *file) Discard(int64, int64) error           { return nil }
func (f *file) WriteZeroes(_, _ int64, _ bool) error { return errors.ErrUnsupported }

func (f *file) Readv(iov []unix.Iovec, off int64) error { return whole(iovec.Preadv, f.fd, iov, off) }

func (f *file) Writev(iov []unix.Iovec, off int64) error { return whole(iovec.Pwritev, f.fd, iov, off) }

func whole(call func(int, []unix.Iovec, int64) (int, error), fd int, iov []unix.Iovec, off int64) error {
	n, err := call(fd, iov, off)
	if err == nil && int64(n) != total(iov) {
		err = errors.New("not whole")
	}
	return err
}

// cachedFile is a file whose transfers are all said to need no waiting.
type cachedFile struct{ *file }

func (f cachedFile) TryReadv(iov []unix.Iovec, off int64) (bool, error) {
	return true, f.Readv(iov, off)
}

func (f cachedFile) TryWritev(iov []unix.Iovec, off int64) (bool, error) {
	return true, f.Writev(iov, off)
}

// allFeatures are those that a driver of a disk negotiates.
const allFeatures = FeatureFlush | FeatureConfigWCE | FeatureDiscard | FeatureWriteZeroes | FeatureMQ

func newDevice(t testing.TB, c Config) *Device {
	t.Helper()
	if c.Name == "" {
		c.Name = "root"
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// header is the beginning of a request.
func header(k kind, sector uint64) []byte {
	p := make([]byte, headerSize)
	binary.LittleEndian.PutUint32(p[0:], uint32(k))
	binary.LittleEndian.PutUint32(p[4:], 0x12345678) // reserved: was a priority once
	binary.LittleEndian.PutUint64(p[8:], sector)
	return p
}

// part is a segment of a discard or write-zeroes request.
func part(sector uint64, sectors, flags uint32) []byte {
	p := make([]byte, segmentSize)
	binary.LittleEndian.PutUint64(p[0:], sector)
	binary.LittleEndian.PutUint32(p[8:], sectors)
	binary.LittleEndian.PutUint32(p[12:], flags)
	return p
}

// statusOf is the last byte that the device could write.
func statusOf(u virtqtest.Used) byte {
	last := u.Writable[len(u.Writable)-1]
	return last[len(last)-1]
}

// expect does a request and checks what comes of it.
func expect(t testing.TB, d *virtqtest.Driver, readable [][]byte, writable []int, status byte, written uint32) virtqtest.Used {
	t.Helper()
	u := d.Do(t, readable, writable)
	if got := statusOf(u); got != status || u.Written != written {
		t.Errorf("status %d, %d bytes written; want %d, %d", got, u.Written, status, written)
	}
	return u
}

// checkDescriptors fails t where more files are open when it ends than now.
func checkDescriptors(t testing.TB) {
	t.Helper()
	before := openFiles(t)
	t.Cleanup(func() {
		if n := openFiles(t); n > before {
			t.Errorf("%d files open, %d before", n, before)
		}
	})
}

func openFiles(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// pattern fills n bytes in a way that tells them apart.
func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = seed + byte(i) + byte(i>>8)
	}
	return p
}

// at is a copy of what the disk has there.
func (r *ram) at(off, n int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]byte(nil), r.content[off:off+n]...)
}

// kept is a copy of what a crash would leave there.
func (r *ram) kept(off, n int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]byte(nil), r.durable[off:off+n]...)
}

// wipe makes all of the disk zero.
func (r *ram) wipe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.content)
}
