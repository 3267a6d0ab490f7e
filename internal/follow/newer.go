package follow

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

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
