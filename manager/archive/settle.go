package archive

import (
	"archive/tar"
	"crypto/rand"
	"errors"
	"io/fs"
	"path"
)

// place makes an entry under a name of its own and then gives it the right one, in
// the place of what had it: nobody sees a part of it, and a link that is there is
// not followed.
func (u *unpacker) place(name string, make func(temporary string) error) error {
	temporary := path.Join(path.Dir(name), ".hull-cp-"+rand.Text())
	err := make(temporary)
	if err == nil {
		err = u.root.Rename(temporary, name)
	}
	// It is there still where it was not renamed, for whatever reason.
	if e := u.root.Remove(temporary); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	return err
}

// settle gives an entry that is no link its owner, permissions and time.
func (u *unpacker) settle(name string, h *tar.Header) error {
	if err := u.own(name, h); err != nil {
		return err
	}
	mode := fs.FileMode(h.Mode) & fs.ModePerm
	if u.owners {
		mode = h.FileInfo().Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
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
