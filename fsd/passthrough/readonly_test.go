package passthrough_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

func TestNothingOfAReadOnlyShareChanges(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "f"), []byte("content"), 0o644))
	check(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	s := serveDir(t, dir, passthrough.Options{ReadOnly: true, Xattr: true})
	f := s.mustLookup(root, "f")
	fh := must(s.Open(f.Node, unix.O_RDONLY))(t)
	if p, err := s.Read(f.Node, fh, 0, 100); string(p) != "content" || err != nil {
		t.Errorf("read %q, %v", p, err)
	}
	before := s.stat("f")
	for name, do := range map[string]func() error{
		"write":       func() error { _, err := s.Write(f.Node, fh, 0, []byte("x"), 0); return err },
		"open":        func() error { _, err := s.Open(f.Node, unix.O_RDWR); return err },
		"open trunc":  func() error { _, err := s.Open(f.Node, unix.O_RDONLY|unix.O_TRUNC); return err },
		"create":      func() error { _, _, err := s.Create(root, "n", unix.O_RDWR, 0o600); return err },
		"create read": func() error { _, _, err := s.Create(root, "n", unix.O_RDONLY, 0o600); return err },
		"mkdir":       func() error { _, err := s.Mkdir(root, "n", 0o700); return err },
		"mknod":       func() error { _, err := s.Mknod(root, "n", unix.S_IFREG|0o600, 0); return err },
		"symlink":     func() error { _, err := s.Symlink(root, "n", "f"); return err },
		"link":        func() error { _, err := s.Link(f.Node, root, "n"); return err },
		"unlink":      func() error { return s.Unlink(root, "f") },
		"rmdir":       func() error { return s.Rmdir(root, "d") },
		"rename":      func() error { return s.Rename(root, "f", root, "n", 0) },
		"exchange":    func() error { return s.Rename(root, "f", root, "d", unix.RENAME_EXCHANGE) },
		"chmod": func() error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMode, Mode: 0o600})
			return err
		},
		"truncate": func() error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetSize})
			return err
		},
		"utimens": func() error {
			_, err := s.Setattr(f.Node, fuse.SetattrIn{Valid: fuse.SetMtime | fuse.SetMtimeNow})
			return err
		},
		"setattr of nothing": func() error { _, err := s.Setattr(f.Node, fuse.SetattrIn{}); return err },
		"access": func() error {
			_, err := s.Call(fuse.ACCESS, f.Node, fusetest.Body(uint32(unix.W_OK), uint32(0)), 0)
			return err
		},
		"fallocate": func() error {
			_, err := s.Call(fuse.FALLOCATE, f.Node, fusetest.Body(fh, uint64(0), uint64(4096), uint64(0)), 0)
			return err
		},
		"copy": func() error {
			_, err := s.Call(fuse.COPY_FILE_RANGE, f.Node, fusetest.Body(fh, uint64(0), f.Node, fh, uint64(100), uint64(1), uint64(0)), 8)
			return err
		},
		"setxattr": func() error {
			_, err := s.Call(fuse.SETXATTR, f.Node, fusetest.Body(uint32(1), uint32(0), "user.a", []byte("x")), 0)
			return err
		},
		"removexattr": func() error {
			_, err := s.Call(fuse.REMOVEXATTR, f.Node, fusetest.Body("user.a"), 0)
			return err
		},
	} {
		wants(t, name, do(), unix.EROFS)
	}
	after := s.stat("f")
	before.Atim, after.Atim = unix.Timespec{}, unix.Timespec{}
	if before != after || s.get("f") != "content" {
		t.Errorf("f was %+v, is %+v", before, after)
	}
	if list := s.list(fuse.READDIR, root, 4096); len(list) != 4 {
		t.Errorf("the directory has %v", list)
	}
}

func TestWhatTheGuestMayRemember(t *testing.T) {
	for name, want := range map[string]struct{ seconds, missing uint64 }{"auto": {1, 0}, "none": {0, 0}, "always": {86400, 86400}} {
		t.Run(name, func(t *testing.T) {
			cache, err := passthrough.ParseCache(name)
			check(t, err)
			s := serve(t, passthrough.Options{Cache: cache})
			s.put("f", "")
			f := s.mustLookup(root, "f")
			if f.EntryValid != want.seconds || f.AttrValid != want.seconds {
				t.Errorf("name for %d seconds, attributes for %d, want %d", f.EntryValid, f.AttrValid, want.seconds)
			}
			e, err := s.Lookup(root, "nothing")
			if want.missing == 0 {
				wants(t, "lookup of nothing", err, unix.ENOENT)
			} else if err != nil || e.Node != 0 || e.EntryValid != want.missing {
				t.Errorf("nothing is %+v, %v", e, err)
			}
			b := must(s.Call(fuse.OPEN, f.Node, fusetest.Body(uint32(unix.O_RDWR), uint32(0)), 16))(t)
			flags := map[string]byte{"auto": 0, "none": fuse.OpenedDirectIO, "always": fuse.OpenedKeepCache}
			if b[8] != flags[name] {
				t.Errorf("flags of an open file are %#x", b[8])
			}
		})
	}
	if _, err := passthrough.ParseCache("sometimes"); err == nil {
		t.Error("a way to cache that there is not is accepted")
	}
}
