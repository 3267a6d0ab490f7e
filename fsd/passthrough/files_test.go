package passthrough_test

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

func TestFilesAreReadAndWritten(t *testing.T) {
	s := serve(t, passthrough.Options{})
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(i * 7 >> 5)
	}
	e, fh, err := s.Create(root, "f", unix.O_RDWR, 0o600)
	check(t, err)
	for off := 0; off < len(want); off += 1 << 20 {
		if n, err := s.Write(e.Node, fh, uint64(off), want[off:off+1<<20], 0); n != 1<<20 || err != nil {
			t.Fatalf("at %d: wrote %d, %v", off, n, err)
		}
	}
	check(t, s.Fsync(fuse.FSYNC, e.Node, fh, 0))
	check(t, s.Fsync(fuse.FSYNC, e.Node, fh, fuse.FsyncData))
	if s.get("f") != string(want) {
		t.Error("the file on the host is another")
	}
	for _, test := range []struct{ off, size, want int }{
		{0, 1 << 20, 1 << 20}, {12345, 1, 1}, {3<<20 - 10, 4096, 10}, {3 << 20, 10, 0}, {1 << 40, 10, 0}, {5, 0, 0},
	} {
		p, err := s.Read(e.Node, fh, uint64(test.off), test.size)
		if err != nil || len(p) != test.want || test.want > 0 && !bytes.Equal(p, want[test.off:test.off+test.want]) {
			t.Errorf("read of %d at %d: %d bytes, %v; want %d", test.size, test.off, len(p), err, test.want)
		}
	}
	if _, err := s.Call(fuse.FLUSH, e.Node, fusetest.Body(fh, uint64(0), uint64(0)), 0); err != nil {
		t.Errorf("flush: %v", err)
	}
	check(t, s.Release(fuse.RELEASE, e.Node, fh))
	_, err = s.Read(e.Node, fh, 0, 1)
	wants(t, "read of a closed file", err, unix.EBADF)
	if s.fs.Handles() != 0 {
		t.Errorf("%d handles are left", s.fs.Handles())
	}
}

func TestAFileIsOpenedAsAsked(t *testing.T) {
	s := serve(t, passthrough.Options{})
	s.put("f", "0123456789")
	f := s.mustLookup(root, "f")
	r := must(s.Open(f.Node, unix.O_RDONLY|unix.O_DIRECT|unix.O_NONBLOCK))(t)
	_, err := s.Write(f.Node, r, 0, []byte("x"), 0)
	wants(t, "write to a file that is open for reading", err, unix.EBADF)
	w := must(s.Open(f.Node, unix.O_WRONLY))(t)
	_, err = s.Read(f.Node, w, 0, 1)
	wants(t, "read from a file that is open for writing", err, unix.EBADF)
	a := must(s.Open(f.Node, unix.O_WRONLY|unix.O_APPEND))(t)
	if n, err := s.Write(f.Node, a, 0, []byte("ab"), 0); n != 2 || err != nil || s.get("f") != "0123456789ab" {
		t.Errorf("appended %d, %v: %q", n, err, s.get("f"))
	}
	must(s.Open(f.Node, unix.O_WRONLY|unix.O_TRUNC))(t)
	if s.get("f") != "" {
		t.Error("the file was not cut short")
	}
	_, err = s.Open(f.Node, 3)
	wants(t, "open with mode 3", err, unix.EINVAL)
	_, err = s.Open(root, unix.O_RDONLY)
	wants(t, "open of a directory", err, unix.EISDIR)
	_, err = s.Opendir(f.Node)
	wants(t, "opendir of a file", err, unix.ENOTDIR)
	_, err = s.Read(root, must(s.Opendir(root))(t), 0, 1)
	wants(t, "read of a directory", err, unix.EBADF)
}

func TestHolesSpaceAndCopies(t *testing.T) {
	s := serve(t, passthrough.Options{})
	e, fh, err := s.Create(root, "f", unix.O_RDWR, 0o600)
	check(t, err)
	if _, err := s.Call(fuse.FALLOCATE, e.Node, fusetest.Body(fh, uint64(0), uint64(1<<20), uint32(0), uint32(0)), 0); err == unix.EOPNOTSUPP {
		t.Skip("the file system has no fallocate")
	} else if err != nil || s.stat("f").Size != 1<<20 {
		t.Fatalf("fallocate: %v, %d bytes", err, s.stat("f").Size)
	}
	_, err = s.Call(fuse.FALLOCATE, e.Node, fusetest.Body(fh, uint64(0), uint64(4096), uint32(unix.FALLOC_FL_COLLAPSE_RANGE), uint32(0)), 0)
	wants(t, "collapse", err, unix.EOPNOTSUPP)
	check(t, os.Truncate(s.path("f"), 0))
	check(t, os.Truncate(s.path("f"), 1<<20))
	if _, err := s.Write(e.Node, fh, 512<<10, bytes.Repeat([]byte("d"), 4096), 0); err != nil {
		t.Fatal(err)
	}
	seek := func(off uint64, whence uint32) (uint64, error) {
		b, err := s.Call(fuse.LSEEK, e.Node, fusetest.Body(fh, off, whence, uint32(0)), 8)
		if err != nil || len(b) != 8 {
			return 0, err
		}
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24, nil
	}
	host, err := os.Open(s.path("f"))
	check(t, err)
	defer host.Close()
	for _, whence := range []int{unix.SEEK_DATA, unix.SEEK_HOLE} {
		for _, off := range []int64{0, 512 << 10, 600 << 10} {
			want, wantErr := unix.Seek(int(host.Fd()), off, whence)
			got, err := seek(uint64(off), uint32(whence))
			if wantErr == nil && got != uint64(want) || err != nil != (wantErr != nil) || err != nil && err != wantErr {
				t.Errorf("whence %d from %d: %d, %v; want %d, %v", whence, off, got, err, want, wantErr)
			}
		}
	}
	_, err = seek(0, unix.SEEK_SET)
	wants(t, "SEEK_SET", err, unix.EINVAL)

	g, to, err := s.Create(root, "g", unix.O_RDWR, 0o600)
	check(t, err)
	b, err := s.Call(fuse.COPY_FILE_RANGE, e.Node, fusetest.Body(fh, uint64(512<<10), g.Node, to, uint64(3), uint64(100), uint64(0)), 8)
	if err != nil || b[0] != 100 || s.get("g") != "\x00\x00\x00"+string(bytes.Repeat([]byte("d"), 100)) {
		t.Errorf("copy: %v, %v, %q", b, err, s.get("g"))
	}
	if _, err := s.Call(fuse.SYNCFS, root, fusetest.Body(uint64(0)), 0); err != nil {
		t.Errorf("syncfs: %v", err)
	}
	dir := must(s.Opendir(root))(t)
	check(t, s.Fsync(fuse.FSYNCDIR, root, dir, 0))
}

func TestStatfsAndAccessAreTheHosts(t *testing.T) {
	s := serve(t, passthrough.Options{})
	b, err := s.Call(fuse.STATFS, root, nil, 80)
	var st unix.Statfs_t
	check(t, unix.Statfs(s.dir, &st))
	if err != nil || len(b) != 80 || uint64(b[0])|uint64(b[1])<<8|uint64(b[2])<<16|uint64(b[3])<<24 != st.Blocks&0xffffffff {
		t.Errorf("%d bytes, %v, %x; want %d blocks", len(b), err, b, st.Blocks)
	}
	if _, err := s.Call(fuse.ACCESS, root, fusetest.Body(uint32(unix.R_OK|unix.X_OK), uint32(0)), 0); err != nil {
		t.Errorf("access: %v", err)
	}
	_, err = s.Call(fuse.ACCESS, root, fusetest.Body(uint32(8), uint32(0)), 0)
	wants(t, "access of an unknown kind", err, unix.EINVAL)
}

func TestExtendedAttributesOfUsersAlone(t *testing.T) {
	s := serve(t, passthrough.Options{Xattr: true})
	s.put("f", "")
	f := s.mustLookup(root, "f")
	set := func(name, value string, flags uint32) error {
		_, err := s.Call(fuse.SETXATTR, f.Node, fusetest.Body(uint32(len(value)), flags, name, []byte(value)), 0)
		return err
	}
	get := func(node uint64, name string, size uint32) (string, error) {
		b, err := s.Call(fuse.GETXATTR, node, fusetest.Body(size, uint32(0), name), max(8, int(size)))
		return string(b), err
	}
	if err := set("user.a", "value", 0); err == unix.EOPNOTSUPP {
		t.Skip("the file system has no extended attributes")
	} else if err != nil {
		t.Fatal(err)
	}
	wants(t, "create what is there", set("user.a", "x", unix.XATTR_CREATE), unix.EEXIST)
	wants(t, "another namespace", set("trusted.a", "x", 0), unix.EOPNOTSUPP)
	wants(t, "another namespace", set("security.capability", "x", 0), unix.EOPNOTSUPP)
	wants(t, "no name", set("", "x", 0), unix.EINVAL)
	if os.Geteuid() == 0 {
		check(t, unix.Setxattr(s.path("f"), "trusted.secret", []byte("x"), 0))
	}
	if v, err := get(f.Node, "user.a", 100); v != "value" || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
	if v, err := get(f.Node, "user.a", 0); v != "\x05\x00\x00\x00\x00\x00\x00\x00" || err != nil {
		t.Errorf("got size %q, %v", v, err)
	}
	_, err := get(f.Node, "user.a", 2)
	wants(t, "too little room", err, unix.ERANGE)
	_, err = get(f.Node, "user.b", 100)
	wants(t, "one that is not there", err, unix.ENODATA)
	_, err = get(f.Node, "trusted.secret", 100)
	wants(t, "get of another namespace", err, unix.EOPNOTSUPP)
	b, err := s.Call(fuse.LISTXATTR, f.Node, fusetest.Body(uint32(1000), uint32(0)), 1000)
	if string(b) != "user.a\x00" || err != nil {
		t.Errorf("list is %q, %v", b, err)
	}
	l := must(s.Symlink(root, "l", "f"))(t)
	_, err = get(l.Node, "user.a", 100)
	wants(t, "of a symbolic link", err, unix.ENODATA)
	b, err = s.Call(fuse.LISTXATTR, l.Node, fusetest.Body(uint32(0), uint32(0)), 8)
	if !bytes.Equal(b, make([]byte, 8)) || err != nil {
		t.Errorf("list of a symbolic link: %q, %v", b, err)
	}
	if _, err := s.Call(fuse.REMOVEXATTR, f.Node, fusetest.Body("user.a"), 0); err != nil {
		t.Error(err)
	}
	_, err = get(f.Node, "user.a", 100)
	wants(t, "one that was removed", err, unix.ENODATA)
}

func TestWithoutTheOptionThereAreNoExtendedAttributes(t *testing.T) {
	s := serve(t, passthrough.Options{})
	for _, op := range []fuse.Opcode{fuse.GETXATTR, fuse.LISTXATTR, fuse.SETXATTR, fuse.REMOVEXATTR} {
		_, err := s.Call(op, root, fusetest.Body(uint64(0), "user.a"), 64)
		wants(t, op.String(), err, unix.ENOSYS)
	}
}
