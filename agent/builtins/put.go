package builtins

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/agent"
)

// put unpacks a tar archive into a folder, which has to be there. Nothing is
// written outside of the folder, whatever names and links the archive has.
func put(ctx context.Context, b agent.BuiltinCall) error {
	if !filepath.IsAbs(b.Args[1]) {
		return fmt.Errorf("%q is not an absolute path", b.Args[1])
	}
	root, err := os.OpenRoot(b.Args[1])
	if err != nil {
		return err
	}
	defer root.Close()
	u := unpacker{root: root, owners: os.Getuid() == 0}
	archive := tar.NewReader(b.Stdin)
	for ctx.Err() == nil {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return u.finish()
		}
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		if err := u.entry(h, archive); err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
	return context.Cause(ctx)
}

type unpacker struct {
	root   *os.Root
	owners bool // may set owners

	// Folders get their times last: what is put into them changes those.
	folders []*tar.Header
}

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := path.Clean(strings.TrimLeft(h.Name, "/"))
	if name == "." && h.Typeflag != tar.TypeDir {
		return errors.New("not a file's name")
	}
	if dir := path.Dir(name); dir != "." {
		if err := u.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	mode := fs.FileMode(h.Mode) & fs.ModePerm
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.Mkdir(name, mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		h.Name = name
		u.folders = append(u.folders, h)
		return nil
	case tar.TypeReg:
		if err := u.file(name, h, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := u.replace(name, func() error { return u.root.Symlink(h.Linkname, name) }); err != nil {
			return err
		}
		return u.own(name, h)
	case tar.TypeLink:
		to := path.Clean(strings.TrimLeft(h.Linkname, "/"))
		return u.replace(name, func() error { return u.root.Link(to, name) })
	default:
		return fmt.Errorf("entries of type %q are not unpacked", h.Typeflag)
	}
	return u.settle(name, h)
}

// file writes a file beside the old one's name and then puts it there: a program
// that runs can be replaced.
func (u *unpacker) file(name string, h *tar.Header, content io.Reader) error {
	return u.replace(name, func() error {
		f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	})
}

// replace makes an entry where another one may be. A folder is not replaced by
// what is none.
func (u *unpacker) replace(name string, make func() error) error {
	if info, err := u.root.Lstat(name); err == nil {
		if info.IsDir() {
			return errors.New("a folder is there")
		}
		if err := u.root.Remove(name); err != nil {
			return err
		}
	}
	return make()
}

// settle gives an entry its owner, permissions and time.
func (u *unpacker) settle(name string, h *tar.Header) error {
	if err := u.own(name, h); err != nil {
		return err
	}
	mode := fs.FileMode(h.Mode) & fs.ModePerm
	for _, bit := range []struct {
		in  int64
		out fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if h.Mode&bit.in != 0 {
			mode |= bit.out
		}
	}
	if err := u.root.Chmod(name, mode); err != nil {
		return err
	}
	return u.root.Chtimes(name, h.ModTime, h.ModTime)
}

func (u *unpacker) own(name string, h *tar.Header) error {
	if !u.owners {
		return nil
	}
	return u.root.Lchown(name, h.Uid, h.Gid)
}

// finish settles the folders, the innermost first.
func (u *unpacker) finish() error {
	for i := len(u.folders) - 1; i >= 0; i-- {
		if h := u.folders[i]; h.Name != "." {
			if err := u.settle(h.Name, h); err != nil {
				return fmt.Errorf("%q: %w", h.Name, err)
			}
		}
	}
	return nil
}
