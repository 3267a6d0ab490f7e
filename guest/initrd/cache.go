package initrd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/durable"
)

// Cache is a folder with the parts of initrds that machines share. It is made if
// need be, and several processes may use it at once. What nobody has used for two
// weeks is removed when something is added.
type Cache struct {
	Dir string

	now func() time.Time // nil for the clock
}

// Part is one of the archives that make an initrd together.
type Part struct {
	File *os.File // may be handed to another process
	Size int64    // bytes
}

// Parts are an initrd in two archives, which the kernel unpacks one after the other
// (package archives joins them).
type Parts struct {
	Shared Part // programs, modules, and the tree: a file of the cache
	Own    Part // the agent's job and Options.Files: a sealed memfd
}

// Close closes both.
func (p *Parts) Close() error { return errors.Join(p.Shared.File.Close(), p.Own.File.Close()) }

const (
	// attempts bounds how often an archive is made that others remove, or of files
	// that change.
	attempts = 4

	// touchAfter is how old the mark of an entry's last use may be, so that not
	// each start of a machine writes to the disk.
	touchAfter = time.Hour
)

// errGone says that the cache has no such archive.
var errGone = errors.New("removed, or of a wrong size, as soon as it was made")

// Open makes an initrd, or the part of it that is in no cache yet. Neither reads
// what it can know otherwise: of programs that it has read before, that they are
// as they were, and of modules the checksum that the options have.
func (c Cache) Open(o Options) (*Parts, error) {
	if o.Compression != None {
		return nil, errors.New("initrd: the cache packs nothing")
	}
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	if err := measure(p.own, sizeOf); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("initrd: cache %q: create: %w", c.Dir, reason(err))
	}
	shared, err := c.shared(p.shared)
	if err != nil {
		return nil, err
	}
	own, err := inMemory(p.own)
	if err != nil {
		return nil, errors.Join(err, shared.File.Close())
	}
	return &Parts{shared, own}, nil
}

// shared opens the archive of records, and makes it where it is not there.
func (c Cache) shared(records []record) (Part, error) {
	sum := c.programSum
	err := errGone
	for range attempts {
		if err := measure(records, sum); err != nil {
			return Part{}, err
		}
		path := filepath.Join(c.Dir, digest(records, None)+None.suffix())
		part, taken := c.take(path, archiveSize(records))
		if taken == nil {
			return part, nil
		}
		if !errors.Is(taken, fs.ErrNotExist) {
			return Part{}, fmt.Errorf("initrd: cache %q: open: %w", c.Dir, reason(taken))
		}
		err = durable.WriteFile(path, 0o644, func(w io.Writer) error { return write(w, records, None) })
		switch {
		case errors.Is(err, errChanged):
			sum = sumOf // what was known of the programs is not to be known again
		case err != nil:
			return Part{}, fmt.Errorf("initrd: %w", err)
		default:
			err = errGone
			c.prune(path)
		}
	}
	return Part{}, fmt.Errorf("initrd: cache %q: %w", c.Dir, err)
}

// take opens an entry and marks it as used. It is theirs who have it open, also
// where it is removed then. One of a wrong size, or that is no file, is as good as
// none: it is replaced.
func (c Cache) take(path string, size int64) (Part, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Part{}, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || info.Size() != size) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Part{}, errors.Join(err, f.Close())
	}
	c.touch(path, info)
	return Part{f, size}, nil
}

// touch marks an entry as used. One that cannot be marked is removed too early,
// which costs no more than to make it again.
func (c Cache) touch(path string, info fs.FileInfo) {
	if now := c.clock(); now.Sub(info.ModTime()) > touchAfter {
		_ = os.Chtimes(path, now, now)
	}
}

func (c Cache) clock() time.Time {
	if c.now == nil {
		return time.Now()
	}
	return c.now()
}
