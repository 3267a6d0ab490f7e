package disk

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// errNotOpen says that a Late was not opened.
var errNotOpen = errors.New("it is not open yet")

// Late is an image whose files are open and which is not read before Open: somebody
// else writes to it until then. It has no size before, and does nothing.
type Late struct {
	mu    sync.Mutex // guards files
	files []*os.File
	how   Options

	image atomic.Pointer[Image] // nil before Open
}

// NewLate takes what OpenFile takes, which it owns from here on.
func NewLate(f *os.File, backing []*os.File, o Options) *Late {
	return &Late{files: append([]*os.File{f}, backing...), how: o}
}

// Open opens the image, which nobody else writes to any more.
func (l *Late) Open() (Image, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.files) == 0 {
		return nil, errors.New("disk: open: it is open, or closed, already")
	}
	files := l.files
	l.files = nil
	image, err := OpenFile(files[0], files[1:], l.how)
	if err != nil {
		return nil, err
	}
	l.image.Store(&image)
	return image, nil
}

// use does something with the image.
func (l *Late) use(do func(Image) error) error {
	image := l.image.Load()
	if image == nil {
		return fmt.Errorf("disk: %w", errNotOpen)
	}
	return do(*image)
}

// Size is 0 before Open.
func (l *Late) Size() int64 {
	if image := l.image.Load(); image != nil {
		return (*image).Size()
	}
	return 0
}

func (l *Late) Readv(iov []unix.Iovec, off int64) error {
	return l.use(func(i Image) error { return i.Readv(iov, off) })
}

func (l *Late) Writev(iov []unix.Iovec, off int64) error {
	return l.use(func(i Image) error { return i.Writev(iov, off) })
}

func (l *Late) Flush() error { return l.use(Image.Flush) }

func (l *Late) Discard(off, n int64) error {
	return l.use(func(i Image) error { return i.Discard(off, n) })
}

func (l *Late) WriteZeroes(off, n int64, mayUnmap bool) error {
	return l.use(func(i Image) error { return i.WriteZeroes(off, n, mayUnmap) })
}

func (l *Late) Resize(size int64) error {
	return l.use(func(i Image) error { return i.Resize(size) })
}

// immediate is an image that can do some transfers without waiting.
type immediate interface {
	TryReadv(iov []unix.Iovec, off int64) (bool, error)
	TryWritev(iov []unix.Iovec, off int64) (bool, error)
}

// TryReadv is Readv where that needs no waiting; otherwise it is false.
func (l *Late) TryReadv(iov []unix.Iovec, off int64) (bool, error) {
	return l.try(func(i immediate) (bool, error) { return i.TryReadv(iov, off) })
}

// TryWritev is Writev where that needs no waiting; otherwise it is false.
func (l *Late) TryWritev(iov []unix.Iovec, off int64) (bool, error) {
	return l.try(func(i immediate) (bool, error) { return i.TryWritev(iov, off) })
}

func (l *Late) try(do func(immediate) (bool, error)) (bool, error) {
	image := l.image.Load()
	if image == nil {
		return false, nil
	}
	if i, ok := (*image).(immediate); ok {
		return do(i)
	}
	return false, nil
}

// Close closes the image, or the files where it was not opened.
func (l *Late) Close() error {
	l.mu.Lock()
	closeAll(l.files)
	l.files = nil
	l.mu.Unlock()
	if image := l.image.Load(); image != nil {
		return (*image).Close()
	}
	return nil
}
