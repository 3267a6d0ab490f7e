package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/archive"
)

// out copies from the guest to the host.
func (c *copier) out(ctx context.Context) error {
	source, what, err := c.guestSource(ctx)
	if err != nil {
		return err
	}
	if c.to.isStream() {
		if isTerminal(c.Stdout) {
			return c.fail("an archive is nothing for a terminal; redirect standard output, or name a file or folder")
		}
		return c.engine.CopyFrom(ctx, c.from.ref, source, c.Stdout)
	}
	to, err := c.localDestination(source, what.Mode.IsDir())
	if err != nil {
		return err
	}
	return piped(
		func(w io.Writer) error { return c.engine.CopyFrom(ctx, c.from.ref, source, w) },
		func(r io.Reader) error {
			if err := archive.Unpack(ctx, r, to); err != nil {
				return c.fail("%w", err)
			}
			return nil
		})
}

// guestSource is the path of what is copied, and what it is.
func (c *copier) guestSource(ctx context.Context) (string, *manager.FileStat, error) {
	if c.options.follow || endsAsFolder(c.from.path) {
		source, what, err := followGuest(ctx, c.engine, c.from)
		switch {
		case err != nil:
			return "", nil, err
		case what == nil:
			return "", nil, c.fail("there is no such file in the guest")
		case endsAsFolder(c.from.path) && !what.Mode.IsDir():
			return "", nil, c.fail("the source is no folder")
		}
		return source, what, nil
	}
	source := path.Clean(c.from.path)
	what, err := c.engine.Stat(ctx, c.from.ref, source)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, c.fail("there is no such file in the guest")
	}
	return source, what, err
}

// localDestination is where the copy goes on the host.
func (c *copier) localDestination(source string, folder bool) (archive.Destination, error) {
	to := archive.Destination{Folder: folder, Owners: c.options.owners}
	there, err := os.Stat(c.to.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !folder && endsAsFolder(c.to.path) {
			return to, c.fail("there is no such folder; make it before")
		}
		to.Dir, to.Name = filepath.Split(filepath.Clean(c.to.path))
	case err != nil:
		return to, c.fail("%w", err)
	case there.IsDir():
		to.Dir, to.Name = c.to.path, path.Base(source)
		if folder && (namesContents(c.from.path) || source == "/") {
			to.Name = "."
		}
	case folder:
		return to, c.fail("the source is a folder, and the destination is none")
	case endsAsFolder(c.to.path):
		return to, c.fail("the destination is no folder")
	case !there.Mode().IsRegular():
		return to, c.fail("the destination is no file; use - and tar")
	default:
		p, err := filepath.EvalSymlinks(c.to.path)
		if err != nil {
			return to, c.fail("%w", err)
		}
		to.Dir, to.Name = filepath.Split(p)
	}
	if to.Dir == "" {
		to.Dir = "."
	}
	return to, nil
}
