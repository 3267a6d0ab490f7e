package archive

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
)

// Destination is where an archive is unpacked.
type Destination struct {
	// Dir is a folder that is there.
	Dir string
	// Name is what the archive's first entry, a file or a folder with all in it, is
	// called in Dir. "." is for what is in the folder, into Dir itself.
	Name string
	// Folder says that it has to be a folder; otherwise it must be none.
	Folder bool
	// Owners gives files the owners, and the set-user-id, set-group-id and sticky
	// bits, that the archive says. Without it they are the caller's, without such
	// bits: a guest must not get a program of root's onto its host by itself.
	Owners bool
}

// maxFolders bounds the folders of an archive: each is kept until its end.
const maxFolders = 1 << 20

// Unpack unpacks an archive of one file or folder. Nothing is written but at its
// destination, whatever names and links the archive has.
func Unpack(ctx context.Context, r io.Reader, to Destination) error {
	archive := tar.NewReader(r)
	first, err := archive.Next()
	if errors.Is(err, io.EOF) {
		return errors.New("the archive is empty")
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if folder := first.Typeflag == tar.TypeDir; folder != to.Folder {
		return fmt.Errorf("%q is a %s now, and was none before", first.Name, map[bool]string{true: "folder", false: "file"}[folder])
	}
	u := unpacker{archive: archive, top: cleaned(first.Name), owners: to.Owners}
	if to.Folder {
		return u.tree(ctx, first, to)
	}
	return u.single(first, to)
}

// cleaned is an entry's name without what stands for nothing.
func cleaned(name string) string { return path.Clean(strings.Trim(name, "/")) }

type unpacker struct {
	archive *tar.Reader
	root    *os.Root
	top     string // the name of the first entry
	owners  bool

	// made are the folders that were made: they get their permissions and times
	// last, for what is put into them needs and changes those.
	made []folder
}

type folder struct {
	name   string
	header *tar.Header
}

// single unpacks an archive of one entry that is no folder.
func (u *unpacker) single(h *tar.Header, to Destination) (err error) {
	if u.root, err = os.OpenRoot(to.Dir); err != nil {
		return err
	}
	defer u.root.Close()
	if err := u.put(to.Name, h); err != nil {
		return fmt.Errorf("%q: %w", filepath.Join(to.Dir, to.Name), err)
	}
	if next, err := u.archive.Next(); err == nil {
		return fmt.Errorf("archive: %q stands behind the one file that was asked for", next.Name)
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// tree unpacks an archive of a folder. Its root is the folder, so that no link in
// it leads to what lies beside it.
func (u *unpacker) tree(ctx context.Context, first *tar.Header, to Destination) error {
	outer, err := os.OpenRoot(to.Dir)
	if err != nil {
		return err
	}
	defer outer.Close()
	u.root = outer
	if to.Name != "." {
		made, err := mkdir(outer, to.Name)
		if err != nil {
			return fmt.Errorf("%q: %w", filepath.Join(to.Dir, to.Name), err)
		}
		if u.root, err = outer.OpenRoot(to.Name); err != nil {
			return err
		}
		defer u.root.Close()
		if made {
			u.made = append(u.made, folder{".", first})
		}
	}
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		h, err := u.archive.Next()
		if errors.Is(err, io.EOF) {
			return u.finish()
		}
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		name, err := u.within(h.Name)
		if err == nil {
			err = u.put(name, h)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", h.Name, err)
		}
	}
}

// within is the name of an entry in the folder that the archive is of.
func (u *unpacker) within(name string) (string, error) {
	name = cleaned(name)
	if u.top != "." {
		rest, found := strings.CutPrefix(name, u.top+"/")
		if !found {
			return "", fmt.Errorf("it is not in the folder %q that was asked for", u.top)
		}
		name = rest
	}
	if !filepath.IsLocal(name) || name == "." {
		return "", errors.New("it is no name of a file in a folder")
	}
	return name, nil
}

// put makes an entry.
func (u *unpacker) put(name string, h *tar.Header) error {
	if dir := path.Dir(name); dir != "." {
		if err := u.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			// A few bytes would become as much as the disk holds.
			return errors.New("sparse entries are not unpacked")
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		made, err := mkdir(u.root, name)
		if err != nil || !made {
			return err
		}
		if len(u.made) >= maxFolders {
			return fmt.Errorf("more than %d folders are not unpacked", maxFolders)
		}
		u.made = append(u.made, folder{name, h})
		return nil
	case tar.TypeReg:
		return u.place(name, func(temporary string) error { return u.file(temporary, h) })
	case tar.TypeSymlink:
		return u.place(name, func(temporary string) error {
			return errors.Join(u.root.Symlink(h.Linkname, temporary), u.own(temporary, h))
		})
	case tar.TypeLink:
		other, err := u.within(h.Linkname)
		if err != nil {
			return err
		}
		return u.place(name, func(temporary string) error { return u.root.Link(other, temporary) })
	default:
		return fmt.Errorf("entries of type %q are not unpacked", h.Typeflag)
	}
}

// mkdir makes a folder where none is. A link to one is none.
func mkdir(root *os.Root, name string) (made bool, err error) {
	switch info, err := root.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
		return true, root.Mkdir(name, 0o700)
	case err != nil:
		return false, err
	case !info.IsDir():
		return false, errors.New("something that is no folder is there")
	default:
		return false, nil
	}
}

// file writes a whole file.
func (u *unpacker) file(name string, h *tar.Header) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, u.archive)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.settle(name, h)
}

// finish settles the folders, the innermost first.
func (u *unpacker) finish() error {
	for i := len(u.made) - 1; i >= 0; i-- {
		f := u.made[i]
		if err := u.settle(f.name, f.header); err != nil {
			return fmt.Errorf("%q: %w", f.header.Name, err)
		}
	}
	return nil
}
