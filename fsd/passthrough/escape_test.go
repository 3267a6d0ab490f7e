package passthrough_test

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

// outside makes a directory with a secret in it, beside the one that is shared.
func outside(t *testing.T) (share, secret string) {
	t.Helper()
	top := t.TempDir()
	share, secret = filepath.Join(top, "share"), filepath.Join(top, "secret")
	check(t, os.Mkdir(share, 0o755))
	check(t, os.Mkdir(secret, 0o755))
	check(t, os.WriteFile(filepath.Join(secret, "file"), []byte("secret"), 0o644))
	return share, secret
}

func TestNamesThatLeadOutAreRefused(t *testing.T) {
	dir, _ := outside(t)
	s := serveDir(t, dir, passthrough.Options{})
	s.put("f", "x")
	f := s.mustLookup(root, "f")
	for _, name := range []string{"..", ".", "", "/", "/etc", "../secret", "d/..", "f/", "a/b"} {
		for what, do := range map[string]func() error{
			"lookup":      func() error { _, err := s.Lookup(root, name); return err },
			"mkdir":       func() error { _, err := s.Mkdir(root, name, 0o700); return err },
			"mknod":       func() error { _, err := s.Mknod(root, name, unix.S_IFREG|0o600, 0); return err },
			"symlink":     func() error { _, err := s.Symlink(root, name, "x"); return err },
			"link":        func() error { _, err := s.Link(f.Node, root, name); return err },
			"create":      func() error { _, _, err := s.Create(root, name, unix.O_RDWR, 0o600); return err },
			"unlink":      func() error { return s.Unlink(root, name) },
			"rmdir":       func() error { return s.Rmdir(root, name) },
			"rename from": func() error { return s.Rename(root, name, root, "g", 0) },
			"rename to":   func() error { return s.Rename(root, "f", root, name, 0) },
			"exchange":    func() error { return s.Rename(root, "f", root, name, unix.RENAME_EXCHANGE) },
		} {
			wants(t, what+" "+name, do(), unix.EINVAL)
		}
	}
	if list := s.list(fuse.READDIR, root, 4096); len(list) != 3 {
		t.Errorf("the directory has %v", list)
	}
}

func TestSymbolicLinksAreNeverFollowed(t *testing.T) {
	dir, secret := outside(t)
	s := serveDir(t, dir, passthrough.Options{})
	for _, target := range []string{secret, "../secret", "/proc/self/fd", "/"} {
		l := must(s.Symlink(root, "l", target))(t)
		if l.Attr.Mode&unix.S_IFMT != unix.S_IFLNK {
			t.Fatalf("a link to %q looks like mode %o", target, l.Attr.Mode)
		}
		_, err := s.Lookup(l.Node, "file")
		wants(t, "lookup through "+target, err, unix.ENOTDIR)
		_, err = s.Opendir(l.Node)
		wants(t, "opendir of a link to "+target, err, unix.ENOTDIR)
		_, _, err = s.Create(l.Node, "new", unix.O_RDWR, 0o600)
		wants(t, "create through "+target, err, unix.ENOTDIR)
		_, _, err = s.Create(root, "l", unix.O_RDWR, 0o600)
		wants(t, "create on a link to "+target, err, unix.ESTALE)
		_, err = s.Mkdir(l.Node, "new", 0o700)
		wants(t, "mkdir through "+target, err, unix.ENOTDIR)
		check(t, s.Unlink(root, "l"))
	}
	if list, _ := os.ReadDir(secret); len(list) != 1 {
		t.Errorf("outside there is %v", list)
	}
}

// A directory on the way is exchanged with a symbolic link, over and over, while
// the guest looks names up, makes and removes them.
func TestExchangingADirectoryWithALinkLeadsNowhere(t *testing.T) {
	dir, secret := outside(t)
	s := serveDir(t, dir, passthrough.Options{})
	check(t, os.MkdirAll(s.path("d"), 0o755))
	s.put("d/file", "shared")
	check(t, os.Symlink(secret, s.path("l")))
	var stop atomic.Bool
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for !stop.Load() {
			_ = unix.Renameat2(unix.AT_FDCWD, s.path("d"), unix.AT_FDCWD, s.path("l"), unix.RENAME_EXCHANGE)
		}
	})
	for range 500 {
		for _, name := range []string{"d", "l"} {
			e, err := s.Lookup(root, name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if f, err := s.Lookup(e.Node, "file"); err == nil {
				fh := must(s.Open(f.Node, unix.O_RDONLY))(t)
				if p, err := s.Read(f.Node, fh, 0, 100); string(p) != "shared" {
					t.Fatalf("read %q, %v", p, err)
				}
				check(t, s.Release(fuse.RELEASE, f.Node, fh))
				check(t, s.Forget(f.Node, 1))
			}
			if _, fh, err := s.Create(e.Node, "new", unix.O_RDWR, 0o600); err == nil {
				check(t, s.Release(fuse.RELEASE, e.Node, fh))
				_ = s.Unlink(e.Node, "new")
			}
			_ = s.Unlink(e.Node, "file2")
			check(t, s.Forget(e.Node, 1))
		}
	}
	stop.Store(true)
	swapper.Wait()
	if list, _ := os.ReadDir(secret); len(list) != 1 {
		t.Errorf("outside there is %v", list)
	}
}

// A directory that is known is moved out of the share, by the host: the guest
// keeps what it has, and gets no further up.
func TestADirectoryMovedOutsideLeadsNoFurther(t *testing.T) {
	dir, secret := outside(t)
	s := serveDir(t, dir, passthrough.Options{})
	d := must(s.Mkdir(root, "d", 0o755))(t)
	check(t, os.Rename(s.path("d"), filepath.Join(secret, "d")))
	_, err := s.Lookup(d.Node, "..")
	wants(t, "the parent", err, unix.EINVAL)
	list := s.list(fuse.READDIRPLUS, d.Node, 4096)
	if len(list) != 2 {
		t.Errorf("it has %v", list)
	}
}

func TestWhatIsNoFileIsNeverOpened(t *testing.T) {
	s := serve(t, passthrough.Options{})
	check(t, unix.Mkfifo(s.path("fifo"), 0o666))
	check(t, unix.Mknod(s.path("socket"), unix.S_IFSOCK|0o666, 0))
	names := []string{"fifo", "socket"}
	if err := unix.Mknod(s.path("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err == nil {
		names = append(names, "null")
		if e := s.mustLookup(root, "null"); e.Attr.Rdev != 1<<8|3 {
			t.Errorf("device number is %#x", e.Attr.Rdev)
		}
	}
	for _, name := range names {
		n := s.mustLookup(root, name)
		for _, flags := range []uint32{unix.O_RDONLY, unix.O_WRONLY, unix.O_RDWR | unix.O_TRUNC} {
			_, err := s.Open(n.Node, flags)
			wants(t, "open of a "+name, err, unix.ENXIO)
		}
		_, err := s.Setattr(n.Node, fuse.SetattrIn{Valid: fuse.SetSize})
		wants(t, "truncate of a "+name, err, unix.EINVAL)
		// Its name is a name like any other.
		must(s.Setattr(n.Node, fuse.SetattrIn{Valid: fuse.SetMode, Mode: 0o600}))(t)
		check(t, s.Rename(root, name, root, name+"2", 0))
	}
	for _, kind := range []uint32{unix.S_IFCHR, unix.S_IFBLK} {
		_, err := s.Mknod(root, "device", kind|0o600, 1<<8|3)
		wants(t, "making a device", err, unix.EPERM)
	}
	_, err := s.Mknod(root, "device", unix.S_IFDIR|0o600, 0)
	wants(t, "mknod of a directory", err, unix.EINVAL)
}

func TestMountsAreCrossedOnlyWhereToldTo(t *testing.T) {
	needRoot(t)
	dir, secret := outside(t)
	check(t, os.Mkdir(filepath.Join(dir, "m"), 0o755))
	if err := unix.Mount(secret, filepath.Join(dir, "m"), "", unix.MS_BIND, ""); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(filepath.Join(dir, "m"), unix.MNT_DETACH)) })
	t.Run("no", func(t *testing.T) {
		s := serveDir(t, dir, passthrough.Options{})
		_, err := s.Lookup(root, "m")
		wants(t, "lookup of a mount", err, unix.EXDEV)
		if list := s.list(fuse.READDIRPLUS, root, 4096); len(list) != 3 {
			t.Errorf("the directory has %v", list)
		}
	})
	t.Run("yes", func(t *testing.T) {
		s := serveDir(t, dir, passthrough.Options{Submounts: true})
		m := s.mustLookup(root, "m")
		if m.Attr.Flags != fuse.AttrSubmount {
			t.Errorf("flags are %#x", m.Attr.Flags)
		}
		f := s.mustLookup(m.Node, "file")
		if f.Attr.Flags != 0 {
			t.Errorf("flags of a file are %#x", f.Attr.Flags)
		}
		wants(t, "rename across", s.Rename(m.Node, "file", root, "file", 0), unix.EXDEV)
	})
}

func TestManyClientsAtOnce(t *testing.T) {
	s := serveWith(t, t.TempDir(), passthrough.Options{}, 4)
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			name := string(rune('a' + i%4)) // two fight over each name
			for range 100 {
				e, err := s.Mkdir(root, name, 0o700)
				if err != nil {
					if e, err = s.Lookup(root, name); err != nil {
						continue
					}
				}
				if f, fh, err := s.Create(e.Node, "f", unix.O_RDWR|unix.O_EXCL, 0o600); err == nil {
					_, _ = s.Write(f.Node, fh, 0, []byte("hello"), 0)
					if p, err := s.Read(f.Node, fh, 0, 5); err != nil || string(p) != "hello" {
						t.Errorf("read %q, %v", p, err)
					}
					_ = s.Release(fuse.RELEASE, f.Node, fh)
					_ = s.Unlink(e.Node, "f")
					_ = s.Forget(f.Node, 1)
				}
				_ = s.Rmdir(root, name)
				_ = s.Forget(e.Node, 1)
			}
		})
	}
	users.Wait()
	// A reply says that all before it was done.
	if _, err := s.Init(fusetest.AllFlags); err != nil {
		t.Fatal(err)
	}
	if s.fs.Nodes() != 1 || s.fs.Handles() != 0 {
		t.Errorf("%d nodes and %d handles are left", s.fs.Nodes(), s.fs.Handles())
	}
}
