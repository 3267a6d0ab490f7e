package passthrough_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/passthrough"
)

func TestNamesAreMadeAndRemovedOnTheHost(t *testing.T) {
	s := serve(t, passthrough.Options{})
	d := must(s.Mkdir(root, "d", 0o750))(t)
	if st := s.stat("d"); st.Mode != unix.S_IFDIR|0o750 || st.Ino != d.Attr.Ino || d.Attr.Mode != st.Mode {
		t.Errorf("d is %o, guest sees %o", st.Mode, d.Attr.Mode)
	}
	e, fh, err := s.Create(d.Node, "f", unix.O_RDWR|unix.O_EXCL, 0o640)
	check(t, err)
	if n, err := s.Write(e.Node, fh, 0, []byte("hello"), 0); n != 5 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if st := s.stat("d/f"); st.Mode != unix.S_IFREG|0o640 || s.get("d/f") != "hello" {
		t.Errorf("d/f is %o with %q", st.Mode, s.get("d/f"))
	}
	for name, mode := range map[string]uint32{"fifo": unix.S_IFIFO | 0o600, "socket": unix.S_IFSOCK | 0o755, "file": unix.S_IFREG | 0o444} {
		if _, err := s.Mknod(d.Node, name, mode, 0); err != nil || s.stat("d/"+name).Mode != mode {
			t.Errorf("%s: %v, mode %o, want %o", name, err, s.stat("d/"+name).Mode, mode)
		}
	}
	l := must(s.Symlink(d.Node, "l", "../../etc/passwd"))(t)
	if text, err := s.Readlink(l.Node); err != nil || text != "../../etc/passwd" || l.Attr.Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Errorf("link says %q, %v, mode %o", text, err, l.Attr.Mode)
	}
	if text, _ := os.Readlink(s.path("d/l")); text != "../../etc/passwd" {
		t.Errorf("link on the host says %q", text)
	}
	h := must(s.Link(e.Node, root, "hard"))(t)
	if h.Node != e.Node || h.Attr.Nlink != 2 || s.stat("hard").Ino != s.stat("d/f").Ino {
		t.Errorf("hard link is node %d with %d links, want node %d with 2", h.Node, h.Attr.Nlink, e.Node)
	}
	ll := must(s.Link(l.Node, root, "hardlink"))(t)
	if ll.Node != l.Node || s.stat("hardlink").Mode&unix.S_IFMT != unix.S_IFLNK {
		t.Error("a hard link to a symbolic link is not one")
	}
	wants(t, "rmdir of a full directory", s.Rmdir(root, "d"), unix.ENOTEMPTY)
	wants(t, "rmdir of a file", s.Rmdir(root, "hard"), unix.ENOTDIR)
	wants(t, "unlink of a directory", s.Unlink(root, "d"), unix.EISDIR)
	for _, name := range []string{"f", "l", "fifo", "socket", "file"} {
		check(t, s.Unlink(d.Node, name))
	}
	check(t, s.Rmdir(root, "d"))
	if _, err := os.Lstat(s.path("d")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("d is still there: %v", err)
	}
	// The file lives on for who has it open, and for its other name.
	if p, err := s.Read(e.Node, fh, 0, 10); string(p) != "hello" || err != nil {
		t.Errorf("read %q, %v", p, err)
	}
	check(t, s.Release(fuse.RELEASE, e.Node, fh))
}

func TestWhatMakesANameRefusesOneThatIsThere(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "x")
	f := s.mustLookup(root, "f")
	_, err := s.Mkdir(root, "f", 0o700)
	wants(t, "mkdir", err, unix.EEXIST)
	_, err = s.Symlink(root, "f", "x")
	wants(t, "symlink", err, unix.EEXIST)
	_, err = s.Link(f.Node, root, "f")
	wants(t, "link", err, unix.EEXIST)
	_, _, err = s.Create(root, "f", unix.O_RDWR|unix.O_EXCL, 0o600)
	wants(t, "create of an own file", err, unix.EEXIST)
	_, _, err = s.Create(root, "f", unix.O_RDWR|unix.O_TRUNC, 0o600)
	wants(t, "create of a file that the guest does not know", err, unix.ESTALE)
	if s.get("f") != "x" {
		t.Error("the file was cut short")
	}
}

func TestRename(t *testing.T) {
	s := serve(t, passthrough.Options{})
	a, b := must(s.Mkdir(root, "a", 0o700))(t), must(s.Mkdir(root, "b", 0o700))(t)
	s.put("a/1", "one")
	s.put("b/2", "two")
	one := s.mustLookup(a.Node, "1")
	wants(t, "no replace", s.Rename(a.Node, "1", b.Node, "2", unix.RENAME_NOREPLACE), unix.EEXIST)
	check(t, s.Rename(a.Node, "1", b.Node, "2", unix.RENAME_EXCHANGE))
	if s.get("a/1") != "two" || s.get("b/2") != "one" {
		t.Error("names were not exchanged")
	}
	check(t, s.Rename(b.Node, "2", root, "3", 0))
	if s.get("3") != "one" {
		t.Error("3 is not what was b/2")
	}
	// The node is the same file under whatever name.
	if e := s.mustLookup(root, "3"); e.Node != one.Node {
		t.Errorf("node %d under its new name, %d under its old", e.Node, one.Node)
	}
	check(t, s.Rename(root, "3", a.Node, "1", 0))
	if s.get("a/1") != "one" {
		t.Error("a/1 was not replaced")
	}
	wants(t, "into itself", s.Rename(root, "a", a.Node, "x", 0), unix.EINVAL)
	wants(t, "whiteout", s.Rename(a.Node, "1", a.Node, "2", unix.RENAME_WHITEOUT), unix.EINVAL)
	wants(t, "of nothing", s.Rename(root, "nothing", root, "x", 0), unix.ENOENT)
}

func TestDirectoriesAreListedWhole(t *testing.T) {
	s := serve(t, passthrough.Options{})
	want := []string{".", ".."}
	for i := range 300 {
		name := fmt.Sprintf("%03d%s", i, strings.Repeat("x", i%250))
		s.put(name, "")
		want = append(want, name)
	}
	for _, op := range []fuse.Opcode{fuse.READDIR, fuse.READDIRPLUS} {
		for _, size := range []int{600, 4096, 65536, 1 << 20} {
			if got := s.list(op, root, size); !slices.Equal(got, want) {
				t.Errorf("%v in pieces of %d: %d names, want %d", op, size, len(got), len(want))
			}
		}
	}
	if n := s.fs.Nodes(); n != 1 {
		t.Errorf("%d nodes are known after all was forgotten, want the root alone", n)
	}
}

func TestADirectorysOffsetsSurviveSeeks(t *testing.T) {
	s := serve(t, passthrough.Options{})
	for i := range 200 {
		s.put(fmt.Sprintf("file-%d", i), "")
	}
	fh := must(s.Opendir(root))(t)
	var all []string
	var offsets []uint64
	for off := uint64(0); ; {
		list := must(s.Readdir(fuse.READDIR, root, fh, off, 300))(t)
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			all, offsets = append(all, d.Name), append(offsets, d.Next)
		}
		off = list[len(list)-1].Next
	}
	if len(all) != 202 {
		t.Fatalf("%d entries, want 202", len(all))
	}
	for i := len(all) - 2; i >= 0; i -= 17 {
		list := must(s.Readdir(fuse.READDIR, root, fh, offsets[i], 4096))(t)
		if len(list) == 0 || list[0].Name != all[i+1] {
			t.Fatalf("behind %q comes %v, want %q", all[i], list, all[i+1])
		}
	}
	check(t, s.Release(fuse.RELEASEDIR, root, fh))
}

func TestReaddirplusLooksUp(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "12345")
	fh := must(s.Opendir(root))(t)
	list := must(s.Readdir(fuse.READDIRPLUS, root, fh, 0, 4096))(t)
	if len(list) != 3 {
		t.Fatalf("%d entries, want 3", len(list))
	}
	for _, d := range list {
		if dots := d.Name != "f"; dots != (d.Node == 0) {
			t.Errorf("%q has node %d", d.Name, d.Node)
		}
		if d.Name == "f" && (d.Attr.Size != 5 || d.Ino != d.Attr.Ino) {
			t.Errorf("f: %+v", d)
		}
		if d.Name == ".." && d.Ino != s.stat(".").Ino {
			t.Error("the guest sees what the root's parent is")
		}
	}
	wants(t, "room for no entry", func() error {
		_, err := s.Readdir(fuse.READDIRPLUS, root, fh, 0, 100)
		return err
	}(), unix.EINVAL)
	check(t, s.Release(fuse.RELEASEDIR, root, fh))
}
