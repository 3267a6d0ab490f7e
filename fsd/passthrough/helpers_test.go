package passthrough_test

import (
	"os"
	"path/filepath"
	"sort"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/fsd"
	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

const root = fuse.RootID

// share is a directory that is being served, and a client of it.
type share struct {
	*fusetest.Client
	t   *testing.T
	fs  *passthrough.FS
	dir string
}

// newFS makes a file system of dir, which is closed when t ends. No descriptor
// may be left then.
func newFS(t testing.TB, dir string, o passthrough.Options) *passthrough.FS {
	t.Helper()
	before := descriptors(t)
	t.Cleanup(func() {
		if after := descriptors(t); after != before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
	var err error
	if o.Root, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	if o.Proc, err = passthrough.OpenProc(); err != nil {
		t.Fatal(err)
	}
	fs, err := passthrough.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fs.Close(); err != nil {
			t.Error(err)
		}
	})
	return fs
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// serve shares a new directory with a client whose session has begun.
func serve(t *testing.T, o passthrough.Options) *share {
	t.Helper()
	return serveDir(t, t.TempDir(), o)
}

// serveDir shares dir, one request after the other.
func serveDir(t *testing.T, dir string, o passthrough.Options) *share {
	t.Helper()
	return serveWith(t, dir, o, 1)
}

func serveWith(t *testing.T, dir string, o passthrough.Options, workers int) *share {
	t.Helper()
	// What the runtime opens for itself at the first use is not to be counted.
	a, b := fusetest.Socketpair(t)
	a.Close()
	b.Close()
	devicestest.CheckGoroutines(t)
	umask := unix.Umask(0)
	t.Cleanup(func() { unix.Umask(umask) })
	fs := newFS(t, dir, o)
	device, server := fusetest.Socketpair(t)
	done := make(chan error, 1)
	go func() {
		err := fsd.Serve(server, fs, fsd.Options{Workers: workers})
		server.Close()
		done <- err
	}()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	s := &share{Client: fusetest.Dial(t, device), t: t, fs: fs, dir: dir}
	if _, err := s.Init(fusetest.AllFlags); err != nil {
		t.Fatal(err)
	}
	return s
}

// path is a file's name on the host.
func (s *share) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

func (s *share) put(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// get is a file's content on the host.
func (s *share) get(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func (s *share) stat(name string) unix.Stat_t {
	s.t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(s.path(name), &st); err != nil {
		s.t.Fatal(err)
	}
	return st
}

func (s *share) mustLookup(parent uint64, name string) fusetest.Entry {
	s.t.Helper()
	return must(s.Lookup(parent, name))(s.t)
}

// list reads a whole directory in pieces of size bytes, and closes it.
func (s *share) list(op fuse.Opcode, node uint64, size int) (names []string) {
	s.t.Helper()
	fh := must(s.Opendir(node))(s.t)
	for off := uint64(0); ; {
		list, err := s.Readdir(op, node, fh, off, size)
		if err != nil {
			s.t.Fatal(err)
		}
		if len(list) == 0 {
			break
		}
		for _, d := range list {
			names = append(names, d.Name)
			if d.Node != 0 {
				check(s.t, s.Forget(d.Node, 1))
			}
		}
		off = list[len(list)-1].Next
	}
	check(s.t, s.Release(fuse.RELEASEDIR, node, fh))
	sort.Strings(names)
	return names
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wants fails t where err is not the one wanted.
func wants(t testing.TB, what string, err, want error) {
	t.Helper()
	if err != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("not run as root, who alone may give files away")
	}
}
