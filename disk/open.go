package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hullvm/hull/disk/hostfile"
	"github.com/hullvm/hull/disk/qcow2"
	"github.com/hullvm/hull/disk/raw"
)

// Options say how an image is opened.
type Options struct {
	// Format is Raw or QCOW2. It has no default.
	Format   string
	ReadOnly bool
	// Direct goes around the host's page cache.
	Direct bool
	// Lock keeps others out: everybody where the image is written, those who
	// write where it is only read. Backing files are locked for reading.
	Lock bool
	// BackingAllowed lists files and directories, absolute: a backing file has
	// to be one of them, or below one, after symbolic links. Without any, an
	// image with a backing file is refused: its header could name any file of
	// the host.
	BackingAllowed []string
	// CacheBytes bounds the memory for the tables of a qcow2 image; 0 is 16 MiB.
	CacheBytes int64
	// CommitInterval is how long changes of a qcow2 image's tables stay in
	// memory when nobody flushes; 0 is 5 seconds.
	CommitInterval time.Duration
}

// maxDepth is how many images may lie on top of each other.
const maxDepth = 32

// errDepth says that images name each other, or nearly so.
var errDepth = fmt.Errorf("more than %d images on top of each other", maxDepth)

// Open opens the image at path, and what it is backed by.
func Open(path string, o Options) (Image, error) {
	files, err := OpenFiles(path, o)
	if err != nil {
		return nil, err
	}
	return openFile(files[0], files[1:], layerOptions{o, o.Lock})
}

// OpenFiles opens and locks the files that make an image, the image itself
// first, then its backing file, then that one's. A process that may open files
// does this for one that may not, which hands the descriptors to OpenFile.
func OpenFiles(path string, o Options) (files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	seen := make(map[hostfile.ID]bool)
	format, readOnly := o.Format, o.ReadOnly
	for {
		if len(files) == maxDepth {
			return files, fmt.Errorf("disk %q: %w", path, errDepth)
		}
		if err := checkFormat(format); err != nil {
			return files, fmt.Errorf("disk %q: %w", path, err)
		}
		f, err := hostfile.OpenFile(path, hostfile.Options{ReadOnly: readOnly, Direct: o.Direct})
		if err != nil {
			return files, fmt.Errorf("disk %q: %w", path, err)
		}
		files = append(files, f)
		if len(files) > 1 {
			if err := allowed(f, o.BackingAllowed); err != nil {
				return files, fmt.Errorf("disk %q: %w", files[len(files)-2].Name(), err)
			}
		}
		id, err := hostfile.FileID(f)
		if err != nil {
			return files, fmt.Errorf("disk %q: %w", path, err)
		}
		if seen[id] {
			return files, fmt.Errorf("disk %q: it is its own backing file", path)
		}
		seen[id] = true
		if o.Lock {
			if err := hostfile.Lock(f, !readOnly); err != nil {
				return files, fmt.Errorf("disk %q: %w", path, err)
			}
		}
		if format == Raw {
			return files, nil
		}
		backing, backingFormat, err := backingOf(f, o)
		if err != nil || backing == "" {
			return files, err
		}
		path, format, readOnly = backing, backingFormat, true
	}
}

func checkFormat(format string) error {
	switch format {
	case Raw, QCOW2:
		return nil
	case "":
		return errors.New("its format is not stated: raw or qcow2")
	}
	return fmt.Errorf("format %q: neither raw nor qcow2", format)
}

// backingOf is the path and format of a qcow2 image's backing file, or "".
func backingOf(f *os.File, o Options) (path, format string, err error) {
	header, err := readHeader(f)
	if err != nil {
		return "", "", err
	}
	if header.BackingFile == "" {
		return "", "", nil
	}
	if len(o.BackingAllowed) == 0 {
		return "", "", fmt.Errorf("disk %q: it has the backing file %q, and none is allowed", f.Name(), header.BackingFile)
	}
	if err := checkBacking(header); err != nil {
		return "", "", fmt.Errorf("disk %q: %w", f.Name(), err)
	}
	path = header.BackingFile
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.Name()), path)
	}
	return path, header.BackingFormat, nil
}

// checkBacking refuses what QEMU would look behind: a backing file without a
// format, or one that is not a file.
func checkBacking(h *qcow2.Header) error {
	if h.BackingFormat == "" {
		return fmt.Errorf("the format of its backing file %q is not stated; if it is known: qemu-img rebase -u -F FORMAT -b FILE", h.BackingFile)
	}
	if err := checkFormat(h.BackingFormat); err != nil {
		return fmt.Errorf("backing file %q: %w", h.BackingFile, err)
	}
	scheme, _, found := strings.Cut(h.BackingFile, ":")
	if found && !strings.Contains(scheme, "/") {
		return fmt.Errorf("backing file %q: only a plain path is supported; if it is one, write it as %q", h.BackingFile, "./"+h.BackingFile)
	}
	if strings.ContainsRune(h.BackingFile, 0) {
		return fmt.Errorf("backing file %q: not a path", h.BackingFile)
	}
	return nil
}

// allowed holds a backing file to the list. What counts is the file that is
// open, wherever its name led.
func allowed(f *os.File, list []string) error {
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return fmt.Errorf("backing file %q: find out where it is: %w", f.Name(), err)
	}
	ok := slices.ContainsFunc(list, func(entry string) bool {
		entry, err := filepath.EvalSymlinks(entry)
		return err == nil && filepath.IsAbs(entry) && (path == entry || strings.HasPrefix(path, strings.TrimSuffix(entry, "/")+"/"))
	})
	if !ok {
		return fmt.Errorf("backing file %q: it is %q, which is not among those allowed", f.Name(), path)
	}
	return nil
}

// OpenFile opens an image whose files are open already, in the order in which
// OpenFiles returns them; it owns them in any case. Locks are taken by whoever
// opened the files: they belong to the open files, and come along. With
// Options.Lock they are the image's to give up, when it is closed.
func OpenFile(f *os.File, backing []*os.File, o Options) (Image, error) {
	return openFile(f, backing, layerOptions{o, o.Lock})
}

// layerOptions are Options, and whether the files' locks are the image's own.
type layerOptions struct {
	Options
	unlock bool
}

func openFile(f *os.File, backing []*os.File, o layerOptions) (Image, error) {
	image, rest, err := openLayer(f, backing, o, o.Format, o.ReadOnly)
	if err != nil {
		closeAll(rest)
		return nil, err
	}
	if len(rest) > 0 {
		name := rest[0].Name()
		closeAll(rest)
		return nil, errors.Join(fmt.Errorf("disk %q: nothing names %q as a backing file", f.Name(), name), image.Close())
	}
	return image, nil
}

// openLayer opens f and as many of the backing files as it needs, and returns
// those that it did not take. It owns f.
func openLayer(f *os.File, backing []*os.File, o layerOptions, format string, readOnly bool) (Image, []*os.File, error) {
	if err := checkFormat(format); err != nil {
		return nil, backing, errors.Join(fmt.Errorf("disk %q: %w", f.Name(), err), f.Close())
	}
	h, err := hostfile.New(f, hostfile.Options{ReadOnly: readOnly})
	if err != nil {
		return nil, backing, errors.Join(fmt.Errorf("disk %q: %w", f.Name(), err), f.Close())
	}
	if o.unlock {
		h.UnlockOnClose()
	}
	if format == Raw {
		return raw.Open(h, readOnly), backing, nil
	}
	header, err := qcow2.ReadHeader(h)
	if err != nil {
		return nil, backing, errors.Join(err, h.Close())
	}
	q := qcow2.Options{ReadOnly: readOnly, CacheBytes: o.CacheBytes, CommitInterval: o.CommitInterval}
	if header.BackingFile != "" {
		err := checkBacking(header)
		if err == nil && len(backing) == 0 {
			err = fmt.Errorf("its backing file %q was not opened", header.BackingFile)
		}
		if err != nil {
			return nil, backing, errors.Join(fmt.Errorf("disk %q: %w", f.Name(), err), h.Close())
		}
		under, rest, err := openLayer(backing[0], backing[1:], o, header.BackingFormat, true)
		if err != nil {
			return nil, rest, errors.Join(err, h.Close())
		}
		q.Backing, backing = under, rest
	}
	image, err := qcow2.Open(h, q)
	if err != nil {
		if q.Backing != nil {
			err = errors.Join(err, q.Backing.Close())
		}
		return nil, backing, errors.Join(err, h.Close())
	}
	return image, backing, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // nothing was written
	}
}

// Lock locks an open image file for reading or for writing, as Options.Lock
// does. The error is ErrInUse where another has it.
func Lock(f *os.File, write bool) error { return hostfile.Lock(f, write) }

// Unlock gives the lock up while the file stays open, as when a machine moves to
// another process on this host.
func Unlock(f *os.File) error { return hostfile.Unlock(f) }
