package passthrough_test

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

func TestAttributesAreTheHosts(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "12345")
	check(t, os.Chtimes(s.path("f"), time.Unix(1, 2), time.Unix(3, 4)))
	e := s.mustLookup(root, "f")
	a := must(s.Getattr(e.Node))(t)
	st := s.stat("f")
	want := fuse.Attr{
		Ino: st.Ino, Size: 5, Blocks: uint64(st.Blocks), Atime: 1, AtimeNsec: 2, Mtime: 3, MtimeNsec: 4,
		Ctime: uint64(st.Ctim.Sec), CtimeNsec: uint32(st.Ctim.Nsec), Mode: st.Mode, Nlink: 1, UID: st.Uid, GID: st.Gid, Blksize: uint32(st.Blksize),
	}
	if a != want || e.Attr != want {
		t.Errorf("guest sees %+v\n and %+v\nwant %+v", a, e.Attr, want)
	}
}

func TestAttributesAreChanged(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "0123456789")
	f := s.mustLookup(root, "f")
	if a := must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMode, Mode: 0o4711}))(t); a.Mode != unix.S_IFREG|0o4711 || s.stat("f").Mode != a.Mode {
		t.Errorf("mode is %o, guest sees %o", s.stat("f").Mode, a.Mode)
	}
	if a := must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetSize, Size: 3}))(t); a.Size != 3 || s.get("f") != "012" {
		t.Errorf("%d bytes: %q", a.Size, s.get("f"))
	}
	fh := must(s.Open(f.Node, unix.O_RDWR))(t)
	if a := must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetSize | fuse.SetFH, FH: fh, Size: 6}))(t); a.Size != 6 || s.get("f") != "012\x00\x00\x00" {
		t.Errorf("%d bytes: %q", a.Size, s.get("f"))
	}
	a := must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetAtime | fuse.SetMtime, Atime: 10, AtimeNsec: 11, Mtime: 1 << 33, MtimeNsec: 999999999}))(t)
	if a.Atime != 10 || a.AtimeNsec != 11 || a.Mtime != 1<<33 || a.MtimeNsec != 999999999 {
		t.Errorf("times are %+v", a)
	}
	a = must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMtime | fuse.SetMtimeNow}))(t)
	if a.Atime != 10 || a.Mtime == 1<<33 {
		t.Errorf("times are %+v, want one that is now", a)
	}
	// Times before 1970.
	a = must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMtime, Mtime: 1<<64 - 5}))(t)
	if st := s.stat("f"); st.Mtim.Sec != -5 || a.Mtime != 1<<64-5 {
		t.Errorf("five seconds before the beginning is %d, guest sees %d", st.Mtim.Sec, a.Mtime)
	}
	_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMtime, MtimeNsec: 1e9})
	wants(t, "a billion nanoseconds", err, unix.EINVAL)
	_, err = s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetSize, Size: 1 << 63})
	wants(t, "a size of 2^63", err, unix.EFBIG)
	_, err = s.Setattr(root, fuse.SetattrIn{Valid: fuse.SetSize})
	wants(t, "the size of a directory", err, unix.EISDIR)
	_, err = s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetUID, UID: 1<<32 - 1})
	wants(t, "an owner that is none", err, unix.EINVAL)
}

func TestASymbolicLinksAttributesAreItsOwn(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "")
	check(t, os.Chtimes(s.path("f"), time.Unix(1, 0), time.Unix(1, 0)))
	l := must(s.Symlink(root, "l", "f"))(t)
	_, err := s.Setattr(l.Node, fuse.SetattrIn{Valid: fuse.SetMode, Mode: 0o600})
	wants(t, "chmod of a link", err, unix.EOPNOTSUPP)
	must(s.Setattr(l.Node, fuse.SetattrIn{Valid: fuse.SetMtime, Mtime: 77}))(t)
	if os.Geteuid() == 0 {
		must(s.Setattr(l.Node, fuse.SetattrIn{Valid: fuse.SetUID | fuse.SetGID, UID: 12, GID: 34}))(t)
		if st := s.stat("l"); st.Uid != 12 || st.Gid != 34 {
			t.Errorf("the link belongs to %d:%d", st.Uid, st.Gid)
		}
	}
	if st := s.stat("l"); st.Mtim.Sec != 77 {
		t.Errorf("the link's time is %d", st.Mtim.Sec)
	}
	if st := s.stat("f"); st.Mtim.Sec != 1 || st.Mode&0o777 != 0o644 || st.Uid != uint32(os.Getuid()) {
		t.Errorf("what the link points to was changed: %+v", st)
	}
	_, err = s.Setattr(l.Node, fuse.SetattrIn{Valid: fuse.SetSize})
	wants(t, "the size of a link", err, unix.EINVAL)
	_, err = s.Open(l.Node, unix.O_RDONLY)
	wants(t, "open of a link", err, unix.ELOOP)
}

func TestWhatIsMadeBelongsToTheUserOfTheGuest(t *testing.T) {
	needRoot(t)
	s := serve(t, passthrough.Options{})
	if !s.fs.ChangesOwners() {
		t.Skip("root of a namespace with few users")
	}
	open := must(s.Mkdir(root, "open", 0o700))(t) // only root may pass, as the guest knows
	s.UID, s.GID = 1234, 5678
	must(s.Mkdir(open.Node, "d", 0o755))(t)
	must(s.Mknod(open.Node, "p", unix.S_IFIFO|0o600, 0))(t)
	must(s.Symlink(open.Node, "l", "x"))(t)
	_, _, err := s.Create(open.Node, "f", unix.O_RDWR, 0o6755)
	check(t, err)
	for _, name := range []string{"d", "p", "l", "f"} {
		if st := s.stat("open/" + name); st.Uid != 1234 || st.Gid != 5678 {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
	s.UID, s.GID = 0, 0
	must(s.Mkdir(open.Node, "root", 0o755))(t)
	if st := s.stat("open/root"); st.Uid != 0 || st.Gid != 0 {
		t.Errorf("root's belongs to %d:%d", st.Uid, st.Gid)
	}
	f := s.mustLookup(open.Node, "f")
	must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetUID, UID: 99}))(t)
	if st := s.stat("open/f"); st.Uid != 99 || st.Gid != 5678 {
		t.Errorf("f belongs to %d:%d", st.Uid, st.Gid)
	}
	s.UID = 1<<32 - 1
	_, err = s.Mkdir(root, "nobody", 0o755)
	wants(t, "mkdir of no user", err, unix.EINVAL)
}

func TestADirectorysGroupIsHandedDown(t *testing.T) {
	needRoot(t)
	s := serve(t, passthrough.Options{})
	d := must(s.Mkdir(root, "d", 0o777))(t)
	must(s.Setattr(d.Node, fuse.SetattrIn{Valid: fuse.SetGID | fuse.SetMode, GID: 55, Mode: 0o2777}))(t)
	s.UID, s.GID = 1234, 5678
	must(s.Mkdir(d.Node, "e", 0o755))(t)
	if st := s.stat("d/e"); st.Gid != 55 || st.Mode&unix.S_ISGID == 0 {
		t.Errorf("d/e belongs to group %d, mode %o", st.Gid, st.Mode)
	}
}

func TestAnotherOwnerIsShown(t *testing.T) {
	s := serve(t, passthrough.Options{Owner: &passthrough.Owner{UID: 7777, GID: 8888}})
	s.put("f", "")
	f := s.mustLookup(root, "f")
	if f.Attr.UID != 7777 || f.Attr.GID != 8888 {
		t.Errorf("f belongs to %d:%d", f.Attr.UID, f.Attr.GID)
	}
	s.UID, s.GID = 7777, 8888
	must(s.Mkdir(root, "d", 0o700))(t)
	must(s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetUID | fuse.SetGID, UID: 7777, GID: 8888}))(t)
	for _, name := range []string{"f", "d"} {
		if st := s.stat(name); st.Uid != uint32(os.Getuid()) {
			t.Errorf("%s belongs to %d on the host", name, st.Uid)
		}
	}
}

func TestWritingTakesSetIDBitsAway(t *testing.T) {
	needRoot(t)
	s := serve(t, passthrough.Options{})
	set := func() (fusetest.Entry, uint64) {
		s.put("f", "content")
		check(t, os.Chmod(s.path("f"), 0o755|os.ModeSetuid|os.ModeSetgid))
		f := s.mustLookup(root, "f")
		return f, must(s.Open(f.Node, unix.O_RDWR))(t)
	}
	for name, test := range map[string]struct {
		do   func(f fusetest.Entry, fh uint64) error
		keep bool
	}{
		"write by root": {keep: true, do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Write(f.Node, fh, 0, []byte("x"), 0)
			return err
		}},
		"write": {do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Write(f.Node, fh, 0, []byte("x"), fuse.WriteKillSUIDGID)
			return err
		}},
		"truncate by root": {keep: true, do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetSize, Size: 2})
			return err
		}},
		"truncate": {do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetSize | fuse.SetKillSUIDGID, Size: 2})
			return err
		}},
		"open": {do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Call(fuse.OPEN, f.Node, fusetest.Body(uint32(unix.O_RDWR|unix.O_TRUNC), uint32(fuse.OpenKillSUIDGID)), 16)
			return err
		}},
		"chown": {do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetUID, UID: 5})
			return err
		}},
		"chown and chmod": {keep: true, do: func(f fusetest.Entry, fh uint64) error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetUID | fuse.SetMode, UID: 5, Mode: 0o6755})
			return err
		}},
	} {
		f, fh := set()
		check(t, test.do(f, fh))
		want := uint32(0)
		if test.keep {
			want = 0o6000
		}
		if got := s.stat("f").Mode & 0o6000; got != want {
			t.Errorf("%s: set-id bits are %o, want %o", name, got, want)
		}
		check(t, os.Remove(s.path("f")))
	}
}
