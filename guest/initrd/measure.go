package initrd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// measured says how large a file of the host is, and what it holds where the
// archive is to be held against that.
type measured struct {
	size int64
	sum  *[sha256.Size]byte // nil where it is not known
}

// measure fills in the sizes and, of shared records, the checksums of the content.
// sum measures a file of the host that is shared.
func measure(records []record, sum func(string) (measured, error)) error {
	total := int64(0)
	for i := range records {
		if err := records[i].measure(sum); err != nil {
			return err
		}
		if total += records[i].size; total > maxTotal {
			return fmt.Errorf("initrd: more than %d bytes", int64(maxTotal))
		}
	}
	return nil
}

func (r *record) measure(sum func(string) (measured, error)) error {
	if r.source == "" {
		s := sha256.Sum256(r.data)
		r.size, r.sum = int64(len(r.data)), &s
		return nil
	}
	m, err := r.look(sum)
	if err == nil && m.size > maxFile {
		err = fmt.Errorf("initrd: file %q: more than %d bytes", r.source, int64(maxFile))
	}
	r.size, r.sum = m.size, m.sum
	return err
}

// look measures a file of the host without reading it, where that is enough.
func (r *record) look(sum func(string) (measured, error)) (measured, error) {
	if r.promised == "" {
		return sum(r.source)
	}
	m, err := sizeOf(r.source)
	if err != nil {
		return m, err
	}
	m.sum = new([sha256.Size]byte)
	if n, err := hex.Decode(m.sum[:], []byte(r.promised[:min(len(r.promised), 2*sha256.Size)])); err != nil || n != sha256.Size || len(r.promised) != 2*n {
		return m, fmt.Errorf("initrd: file %q: %.80q is no SHA-256", r.source, r.promised)
	}
	return m, nil
}

// sizeOf measures a file and does not read it.
func sizeOf(name string) (measured, error) {
	f, err := openSource(name)
	if err != nil {
		return measured{}, err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return measured{}, fmt.Errorf("initrd: file %q: look up: %w", name, reason(err))
	}
	return measured{size: info.Size()}, nil
}

// sumOf measures a file and reads all of it.
func sumOf(name string) (measured, error) {
	f, err := openSource(name)
	if err != nil {
		return measured{}, err
	}
	m, err := sumOfFile(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return measured{}, fmt.Errorf("initrd: file %q: read: %w", name, err)
	}
	return m, nil
}

func sumOfFile(f *os.File) (measured, error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxFile+1))
	return measured{n, (*[sha256.Size]byte)(h.Sum(nil))}, err
}

// openSource opens a regular file; anything else could block or never end.
func openSource(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("initrd: file %q: open: %w", name, reason(err))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("initrd: file %q: open: %w", name, reason(err))
	}
	return f, nil
}

// reason takes off the path that package os repeats.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
