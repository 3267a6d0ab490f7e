package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/archive"
)

// in copies from the host into the guest.
func (c *copier) in(ctx context.Context) error {
	to, there, err := followGuest(ctx, c.engine, c.to)
	if err != nil {
		return err
	}
	if c.from.isStream() {
		if there == nil || !there.Mode.IsDir() {
			return c.fail("an archive is unpacked into a folder, and there is none")
		}
		return c.engine.CopyTo(ctx, c.to.ref, to, c.Stdin)
	}
	source, contents, err := localSource(c.from.path, c.options.follow)
	if err != nil {
		return c.fail("%w", err)
	}
	info, err := os.Lstat(source)
	if err != nil {
		return c.fail("%w", err)
	}
	if !info.IsDir() && !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0 {
		return c.fail("the source is neither a file nor a folder; pack it with tar and use -")
	}
	dir, name := path.Dir(to), path.Base(to)
	switch {
	case there != nil && there.Mode.IsDir():
		if dir, name = to, filepath.Base(source); contents {
			name = "."
		}
	case there != nil && info.IsDir():
		return c.fail("the source is a folder, and the destination is none")
	case there != nil && endsAsFolder(c.to.path):
		return c.fail("the destination is no folder")
	case !info.IsDir() && endsAsFolder(c.to.path):
		return c.fail("there is no such folder; make it before")
	}
	options := archive.PackOptions{Name: name, Owners: c.options.owners, Skipped: func(p string) {
		fmt.Fprintf(c.Stderr, "hull: %q is neither a file nor a folder, and is left out\n", p)
	}}
	return piped(
		func(w io.Writer) error {
			if err := archive.Pack(ctx, w, source, options); err != nil {
				return c.fail("%w", err)
			}
			return nil
		},
		func(r io.Reader) error { return c.engine.CopyTo(ctx, c.to.ref, dir, r) })
}

// localSource is the path of what is copied, and whether only what is in it.
func localSource(p string, follow bool) (source string, contents bool, err error) {
	contents = namesContents(p)
	if follow || endsAsFolder(p) {
		if source, err = filepath.EvalSymlinks(p); err != nil {
			return "", false, err
		}
	} else {
		source = p
	}
	// A name for "..", and for "." as well.
	if source, err = filepath.Abs(source); err != nil {
		return "", false, err
	}
	if endsAsFolder(p) {
		info, err := os.Stat(source)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%q is no folder", p)
		}
		if err != nil {
			return "", false, err
		}
	}
	return source, contents, nil
}

// namesContents reports whether a path is of what is in a folder.
func namesContents(p string) bool { return p == "." || strings.HasSuffix(p, "/.") }

// endsAsFolder reports whether a path can be a folder's alone.
func endsAsFolder(p string) bool { return strings.HasSuffix(p, "/") || namesContents(p) }

// maxLinks is how many links a path may lead through (path_resolution(7)).
const maxLinks = 40

// followGuest is where a path of a guest leads to, and what is there; nil for
// nothing.
func followGuest(ctx context.Context, engine manager.Engine, p place) (string, *manager.FileStat, error) {
	at := path.Clean(p.path)
	for range maxLinks {
		s, err := engine.Stat(ctx, p.ref, at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return at, nil, nil
		case err != nil:
			return "", nil, err
		case s.Mode&fs.ModeSymlink == 0:
			return at, s, nil
		case path.IsAbs(s.LinkTarget):
			at = path.Clean(s.LinkTarget)
		default:
			at = path.Join(path.Dir(at), s.LinkTarget)
		}
	}
	return "", nil, fmt.Errorf("%q: it leads through more than %d links", p, maxLinks)
}
