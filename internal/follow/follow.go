package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Options say what Lines reads.
type Options struct {
	Follow bool
	// Tail is how many lines there are to be from the end of what is there; all
	// where it is negative.
	Tail int
	// Done makes a follower read to the end and stop. It may be nil.
	Done <-chan struct{}
	// Until stops a follower when the wall clock reaches it. It may be zero.
	Until time.Time
}

// ErrGap says that a log was rotated faster than its follower read it: files may
// have been removed that it had not read.
var ErrGap = errors.New("rotated away while it was read: lines may be missing here")

// Lines reads the lines of the log at path, the oldest first. Without Follow it
// ends where the log ended when it was begun. A log that does not exist is empty;
// its directory has to be there, and a follower ends when that is removed.
//
// After a [*BadLineError] and after ErrGap it goes on, any other error is its
// last. When ctx ends, that is its error.
func Lines(ctx context.Context, path string, o Options) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		f := &follower{ctx: ctx, path: path, options: o, yield: yield}
		defer f.close()
		if err := f.run(); err != nil && !errors.Is(err, errStop) {
			yield(Line{}, err)
		}
	}
}

// errStop says that the consumer wants no more.
var errStop = errors.New("stop")

type follower struct {
	ctx     context.Context
	path    string
	options Options
	yield   func(Line, error) bool

	watch  *watcher // nil where nothing is followed
	reader lineReader
	later  []*file // opened and newer than the reader's
	gap    bool    // a file was removed with nothing in its place
	last   bool    // what is there now is read and nothing more
}

func (f *follower) close() {
	if f.reader.f != nil {
		closeAll([]*file{f.reader.f})
	}
	closeAll(f.later)
	if f.watch != nil {
		f.watch.close()
	}
}

func (f *follower) run() error {
	if f.options.Follow {
		w, err := watch(f.path) // before the first look, so that nothing falls between
		if err != nil {
			return err
		}
		f.watch = w
		w.wakeOn(f.ctx, f.options.Done, f.options.Until)
	}
	ends, err := f.begin()
	if err != nil {
		return err
	}
	if !f.options.Follow {
		return f.readOnce(ends)
	}
	return f.follow()
}

// begin opens the log and finds its first line. The ends are those of the files
// that are left.
func (f *follower) begin() (ends []int64, err error) {
	files, err := openChain(f.ctx, f.path)
	if err != nil {
		return nil, err
	}
	f.later = files
	for _, g := range files {
		size, err := g.size()
		if err != nil {
			return nil, err
		}
		ends = append(ends, size)
	}
	if len(files) == 0 {
		return nil, nil
	}
	first, offset := 0, int64(0)
	if f.options.Tail >= 0 {
		if first, offset, err = lastLines(files, ends, f.options.Tail); err != nil {
			return nil, err
		}
	}
	closeAll(files[:first])
	f.later = files[first:]
	if err := f.advance(); err != nil {
		return nil, err
	}
	f.reader.next = offset
	return ends[first:], nil
}

// readOnce reads what was there at the beginning.
func (f *follower) readOnce(ends []int64) error {
	for i := range ends {
		if i > 0 {
			if err := f.advance(); err != nil {
				return err
			}
		}
		f.reader.end = ends[i]
		if err := f.drain(); err != nil {
			return err
		}
		if i < len(ends)-1 {
			if err := f.finishFile(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *follower) follow() error {
	for {
		if f.reader.f != nil {
			if err := f.drain(); err != nil {
				return err
			}
		}
		moved, err := f.lookForNewer()
		if err != nil {
			return err
		}
		if moved {
			continue
		}
		if f.last || f.removed() {
			return nil
		}
		switch err := f.watch.wait(); {
		case errors.Is(err, errWoken):
			if f.ctx.Err() != nil {
				return context.Cause(f.ctx)
			}
			f.last = true
		case err != nil:
			return fmt.Errorf("log %q: %w", f.path, err)
		}
	}
}

// drain hands all whole lines of the file on.
func (f *follower) drain() error {
	for {
		if f.ctx.Err() != nil {
			return context.Cause(f.ctx)
		}
		l, err := f.reader.line()
		var bad *BadLineError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.As(err, &bad):
			return err
		}
		if !f.yield(l, err) {
			return errStop
		}
	}
}

// lookForNewer goes on to the next file where the present one is no longer
// written to.
func (f *follower) lookForNewer() (moved bool, err error) {
	if len(f.later) == 0 {
		if f.reader.f != nil && f.isCurrent() {
			return false, nil
		}
		if err := f.openNewer(); err != nil || len(f.later) == 0 {
			return false, err
		}
	}
	if f.reader.f != nil {
		// It was perhaps written to between the last read and its renaming.
		if err := f.drain(); err != nil {
			return false, err
		}
		if err := f.finishFile(); err != nil {
			return false, err
		}
	}
	return true, f.advance()
}

// isCurrent says whether the file that is read is the one that is written to.
func (f *follower) isCurrent() bool {
	var st unix.Stat_t
	return unix.Lstat(f.path, &st) == nil && inodeOf(&st) == f.reader.f.ino
}

// openNewer opens the files that are newer than the one that is read.
func (f *follower) openNewer() error {
	files, err := openChain(f.ctx, f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the directory is gone
	}
	if err != nil {
		return err
	}
	if f.reader.f == nil {
		f.later = files
		if f.gap && len(files) > 0 {
			f.gap = false
			return f.sayGap()
		}
		return nil
	}
	i := slices.IndexFunc(files, func(g *file) bool { return g.ino == f.reader.f.ino })
	closeAll(files[:i+1])
	f.later = files[i+1:]
	if i >= 0 {
		return nil
	}
	// What this file still holds comes before the gap.
	if err := f.drain(); err != nil {
		return err
	}
	if len(files) > 0 {
		return f.sayGap()
	}
	return f.letGo()
}

func (f *follower) sayGap() error {
	if !f.yield(Line{}, fmt.Errorf("log %q: %w", f.path, ErrGap)) {
		return errStop
	}
	return nil
}

// letGo closes a file that was removed, with nothing in its place. While it is
// open, the kernel keeps its directory and does not tell that it was removed too.
func (f *follower) letGo() error {
	if err := f.finishFile(); err != nil {
		return err
	}
	closeAll([]*file{f.reader.f})
	f.reader.f, f.gap = nil, true
	return nil
}

// finishFile remarks on a file that ends within a line and is not the last.
func (f *follower) finishFile() error {
	if f.reader.cut && !f.yield(Line{}, &BadLineError{f.reader.f.path, f.reader.next, errCutOff}) {
		return errStop
	}
	return nil
}

// advance makes the oldest of the later files the one that is read.
func (f *follower) advance() error {
	next := f.later[0]
	f.later = f.later[1:]
	if f.reader.f != nil {
		closeAll([]*file{f.reader.f})
	}
	f.reader = lineReader{f: next, end: -1, buf: f.reader.buf[:0]}
	if f.watch != nil {
		return f.watch.turnTo(next)
	}
	return nil
}

// removed says whether the log's directory is gone.
func (f *follower) removed() bool {
	_, err := os.Lstat(filepath.Dir(f.path))
	return errors.Is(err, os.ErrNotExist)
}
