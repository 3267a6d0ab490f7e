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
)

// PackOptions say how to pack.
type PackOptions struct {
	// Name is what the file or folder is called in the archive. "." is for what is
	// in a folder, without the folder.
	Name string
	// Owners keeps the owners' numbers. Without it all is root's.
	Owners bool
	// Skipped hears of what is left out because it is neither file, folder nor
	// symbolic link.
	Skipped func(path string)
}

// Pack writes an archive of a file, or of a folder with all in it. Symbolic links
// are packed as what they are.
func Pack(ctx context.Context, w io.Writer, source string, o PackOptions) error {
	archive := tar.NewWriter(w)
	err := filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		within, err := filepath.Rel(source, p)
		if err != nil {
			return err
		}
		name := path.Join(o.Name, filepath.ToSlash(within))
		if name == "." {
			return nil
		}
		return add(archive, p, name, d, o)
	})
	return errors.Join(err, archive.Close())
}

func add(archive *tar.Writer, p, name string, d fs.DirEntry, o PackOptions) error {
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
		if o.Skipped != nil {
			o.Skipped(p)
		}
		return nil
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name, h.Format = name, tar.FormatPAX
	h.Uname, h.Gname = "", "" // the guest has names of its own
	if !o.Owners {
		h.Uid, h.Gid = 0, 0
	}
	if info.IsDir() {
		h.Name += "/"
	}
	if !info.Mode().IsRegular() {
		return archive.WriteHeader(h)
	}
	return addFile(archive, p, h)
}

// addFile adds a regular file, which may change meanwhile.
func addFile(archive *tar.Writer, p string, h *tar.Header) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := archive.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.Copy(archive, io.LimitReader(f, h.Size))
	if err == nil && n < h.Size {
		return fmt.Errorf("%s: it became shorter while it was read", p)
	}
	return err
}
