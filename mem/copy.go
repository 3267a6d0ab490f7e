package mem

import (
	"fmt"
	"io"
	"runtime"
)

// CopyFrom reads n bytes from r straight into guest memory at a. If r ends or
// fails early the error says after how many bytes, and those are written.
func (g *Guest) CopyFrom(r io.Reader, a Addr, n uint64) error {
	defer runtime.KeepAlive(g)
	if err := g.check("copy in", a, n); err != nil {
		return err
	}
	var done uint64
	return g.each(a, n, func(reg *region, off uint64, p []byte) error {
		m, err := io.ReadFull(r, p)
		g.mark(reg, off, uint64(m))
		done += uint64(m)
		return copyError("copy in", a, n, done, err)
	})
}

// CopyFromAt reads n bytes at offset off of r straight into guest memory at a.
// If r ends or fails early the error says after how many bytes, and those are
// written.
func (g *Guest) CopyFromAt(r io.ReaderAt, off int64, a Addr, n uint64) error {
	if off < 0 || n > uint64(1<<63-1-off) {
		return fmt.Errorf("guest memory: copy in %d bytes at %#x: offset %d of the source is out of range", n, uint64(a), off)
	}
	return g.CopyFrom(io.NewSectionReader(r, off, int64(n)), a, n)
}

// CopyTo writes n bytes of guest memory at a to w.
func (g *Guest) CopyTo(w io.Writer, a Addr, n uint64) error {
	defer runtime.KeepAlive(g)
	if err := g.check("copy out", a, n); err != nil {
		return err
	}
	var done uint64
	return g.each(a, n, func(_ *region, _ uint64, p []byte) error {
		m, err := w.Write(p)
		done += uint64(m)
		if err == nil && m < len(p) {
			err = io.ErrShortWrite
		}
		return copyError("copy out", a, n, done, err)
	})
}

func copyError(op string, a Addr, n, done uint64, err error) error {
	switch err {
	case nil:
		return nil
	case io.EOF: // ReadFull's word for nothing at all
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("guest memory: %s %d bytes at %#x: after %d bytes: %w", op, n, uint64(a), done, err)
}
