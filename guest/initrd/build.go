package initrd

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/hullvm/hull/internal/durable"
)

// Build writes the initrd to w.
func Build(w io.Writer, o Options) error {
	records, err := o.whole()
	if err != nil {
		return err
	}
	return write(w, records, o.Compression)
}

// BuildFile builds the initrd into dir under a name made of the hash of its
// inputs, and returns its path. Where that file is there already it is not
// built again. dir is made if need be. Several processes may build at once.
func BuildFile(dir string, o Options) (string, error) {
	records, err := o.whole()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("initrd: cache %q: create: %w", dir, reason(err))
	}
	final := filepath.Join(dir, digest(records, o.Compression)+o.Compression.suffix())
	if info, err := os.Stat(final); err == nil && info.Mode().IsRegular() {
		return final, nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("initrd: cache %q: look up: %w", dir, reason(err))
	}
	err = durable.WriteFile(final, 0o644, func(w io.Writer) error {
		return write(w, records, o.Compression)
	})
	if err != nil {
		return "", fmt.Errorf("initrd: %w", err)
	}
	return final, nil
}

// whole is everything in one archive, measured.
func (o *Options) whole() ([]record, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	return p.whole, measure(p.whole, sumOf)
}

// errChanged says that a file is not what the archive's name was made of.
var errChanged = errors.New("it changed meanwhile, or is damaged")

func write(w io.Writer, records []record, c Compression) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	packed, err := c.pack(buf)
	if err != nil {
		return err
	}
	out := cpio.Newc.Writer(packed)
	for i := range records {
		if err := records[i].write(out, uint64(i)+1); err != nil {
			return err
		}
	}
	if err := cpio.WriteTrailer(out); err != nil {
		return fmt.Errorf("initrd: write: %w", err)
	}
	if err := packed.Close(); err != nil {
		return fmt.Errorf("initrd: write: %w", err)
	}
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("initrd: write: %w", err)
	}
	return nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func (c Compression) pack(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case None:
		return nopCloser{w}, nil
	case Gzip:
		return gzip.NewWriter(w), nil
	case Zstd:
		// One worker: the blocks of several are cut by their timing.
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	default:
		return nil, fmt.Errorf("initrd: compression %d: unknown", c)
	}
}

func (r *record) write(out cpio.RecordWriter, ino uint64) error {
	links := uint64(1)
	if r.mode&cpio.S_IFMT == cpio.S_IFDIR {
		links = 2
	}
	info := cpio.Info{
		Ino: ino, Mode: r.mode, NLink: links, FileSize: uint64(r.size),
		Rmajor: r.major, Rminor: r.minor, Name: r.path,
	}
	if r.source == "" {
		if err := out.WriteRecord(cpio.StaticRecord(r.data, info)); err != nil {
			return fmt.Errorf("initrd: file %q: write: %w", r.path, err)
		}
		return nil
	}
	f, err := openSource(r.source)
	if err != nil {
		return err
	}
	before, err := f.Stat()
	if err == nil {
		check := &checkedFile{f: io.LimitReader(f, r.size), h: sha256.New()}
		err = out.WriteRecord(cpio.Record{ReaderAt: check, Info: info})
		if err == nil {
			err = r.unchanged(f, before, check.h)
		} else if check.ended && check.pos != r.size {
			err = errChanged
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("initrd: file %q: copy: %w", r.source, err)
	}
	return nil
}

// unchanged holds what was copied against the checksum, or else against the times
// of the file before and after.
func (r *record) unchanged(f *os.File, before fs.FileInfo, copied hash.Hash) error {
	if r.sum != nil {
		if [sha256.Size]byte(copied.Sum(nil)) != *r.sum {
			return errChanged
		}
		return nil
	}
	after, err := f.Stat()
	if err == nil && (after.Size() != r.size || !after.ModTime().Equal(before.ModTime())) {
		return errChanged
	}
	return err
}

// checkedFile hashes what is read of it, which has to be from front to back, as
// the archive's writer does.
type checkedFile struct {
	f     io.Reader
	h     hash.Hash
	pos   int64
	ended bool
}

func (c *checkedFile) ReadAt(p []byte, off int64) (int, error) {
	if off != c.pos {
		return 0, fmt.Errorf("read at %d instead of %d", off, c.pos)
	}
	n, err := io.ReadFull(c.f, p)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	c.ended = c.ended || err == io.EOF
	c.h.Write(p[:n])
	c.pos += int64(n)
	return n, err
}
