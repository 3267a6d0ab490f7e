package follow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"
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

// removed says whether the log's directory is gone.
func (f *follower) removed() bool {
	_, err := os.Lstat(filepath.Dir(f.path))
	return errors.Is(err, os.ErrNotExist)
}
