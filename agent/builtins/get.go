package builtins

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/agent"
)

// get writes a tar archive of a file, or of a folder and all in it, under its
// own name. What is neither file, folder nor link is left out with a remark. It
// fails where something could not be read, and goes on.
func get(ctx context.Context, b agent.BuiltinCall) error {
	root := b.Args[1]
	if !filepath.IsAbs(root) {
		return fmt.Errorf("%q is not an absolute path", root)
	}
	root = filepath.Clean(root)
	if _, err := os.Lstat(root); err != nil {
		return err
	}
	w := tar.NewWriter(b.Stdout)
	failed := 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var fatal *writeError
		if err == nil {
			err = add(w, root, p, d, b.Stderr)
		}
		if errors.As(err, &fatal) {
			return err
		}
		if err != nil {
			failed++
			fmt.Fprintf(b.Stderr, "get: %v\n", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d files could not be read", failed)
	}
	return nil
}

// writeError is one of the archive's stream: there is no going on.
type writeError struct{ err error }

func (e *writeError) Error() string { return "archive: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func add(w *tar.Writer, root, p string, d fs.DirEntry, remarks io.Writer) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if link, err = os.Readlink(p); err != nil {
			return err
		}
	case !info.Mode().IsRegular() && !info.IsDir():
		fmt.Fprintf(remarks, "get: %s: not a file, left out\n", p)
		return nil
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name = nameIn(root, p)
	h.Uname, h.Gname = "", ""
	h.Format = tar.FormatPAX
	if info.IsDir() {
		h.Name += "/"
	}
	if !info.Mode().IsRegular() {
		return asWriteError(w.WriteHeader(h))
	}
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := w.WriteHeader(h); err != nil {
		return &writeError{err}
	}
	// The header has said how long it is: a file that shrinks meanwhile is
	// filled up, one that grows is cut off.
	n, err := io.Copy(w, io.LimitReader(f, h.Size))
	if err != nil {
		return &writeError{err}
	}
	if n < h.Size {
		if _, err := io.CopyN(w, zeros{}, h.Size-n); err != nil {
			return &writeError{err}
		}
		return fmt.Errorf("%s: it became shorter while it was read", p)
	}
	return nil
}

func asWriteError(err error) error {
	if err == nil {
		return nil
	}
	return &writeError{err}
}

// nameIn is the name of p in an archive of root.
func nameIn(root, p string) string {
	if root == "/" {
		return strings.TrimPrefix(p, "/")
	}
	return filepath.Base(root) + strings.TrimPrefix(p, root)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
