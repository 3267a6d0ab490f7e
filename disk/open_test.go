package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk"
	"github.com/hullvm/hull/disk/disktest"
	"github.com/hullvm/hull/disk/vectors"
)

func create(t testing.TB, path string, o disk.CreateOptions) {
	t.Helper()
	if err := disk.Create(path, o); err != nil {
		t.Fatal(err)
	}
}

// descriptors counts what this process has open, so that a failed Open can be
// held to closing all of it.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func overlay(size int64, backing, format string) disk.CreateOptions {
	return disk.CreateOptions{Format: disk.QCOW2, Size: size, Backing: backing, BackingFormat: format}
}

func TestOpenRefuses(t *testing.T) {
	const size = 1 << 20
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(in("allowed"), 0o700); err != nil {
		t.Fatal(err)
	}
	create(t, in("raw"), disk.CreateOptions{Format: disk.Raw, Size: size})
	create(t, in("allowed/raw"), disk.CreateOptions{Format: disk.Raw, Size: size})
	if err := os.Symlink(in("raw"), in("allowed/link")); err != nil {
		t.Fatal(err)
	}
	create(t, in("overlay"), overlay(size, "allowed/raw", disk.Raw))
	create(t, in("outside"), overlay(size, "raw", disk.Raw))
	create(t, in("linked"), overlay(size, "allowed/link", disk.Raw))
	create(t, in("dotted"), overlay(size, "allowed/../raw", disk.Raw))
	create(t, in("absolute"), overlay(size, "/etc/hostname", disk.Raw))
	create(t, in("missing"), overlay(size, "allowed/nothing", disk.Raw))
	create(t, in("allowed/itself"), overlay(size, "itself", disk.QCOW2))
	create(t, in("allowed/ping"), overlay(size, "pong", disk.QCOW2))
	create(t, in("allowed/pong"), overlay(size, "ping", disk.QCOW2))
	create(t, in("allowed/0"), disk.CreateOptions{Format: disk.QCOW2, Size: size})
	for i := range 32 {
		create(t, in(fmt.Sprint("allowed/", i+1)), overlay(size, fmt.Sprint(i), disk.QCOW2))
	}
	create(t, in("wrong"), overlay(size, "allowed/raw", disk.QCOW2))
	// Names that Create does not write.
	patch := func(name, from, to string) {
		p, err := os.ReadFile(in("overlay"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(p, []byte(from)) {
			t.Fatalf("%q is not there", from)
		}
		writeFile(t, in(name), bytes.Replace(p, []byte(from), []byte(to), 1))
	}
	patch("unstated", "\xe2\x79\x2a\xca", "\x12\x34\x56\x78")
	patch("vmdk", "raw\x00\x00\x00\x00\x00", "zoo\x00\x00\x00\x00\x00")
	patch("nbd", "allowed/raw", "nbd:/a/b:80")
	patch("json", "allowed/raw", `json:{"a":1`)

	ok := disk.Options{Format: disk.QCOW2, BackingAllowed: []string{in("allowed")}}
	for _, c := range []struct {
		name string
		o    disk.Options
		want string
	}{
		{"raw", disk.Options{}, "its format is not stated"},
		{"raw", disk.Options{Format: "vmdk"}, `format "vmdk"`},
		{"raw", disk.Options{Format: disk.QCOW2}, "state that format"},
		{"nothing", disk.Options{Format: disk.Raw}, "no such file"},
		{"overlay", disk.Options{Format: disk.QCOW2}, "none is allowed"},
		{"overlay", disk.Options{Format: disk.QCOW2, BackingAllowed: []string{in("raw"), in("allowed/ra"), "relative"}}, "not among those allowed"},
		{"outside", ok, "not among those allowed"},
		{"linked", ok, "not among those allowed"},
		{"dotted", ok, "not among those allowed"},
		{"absolute", ok, "not among those allowed"},
		{"missing", ok, "no such file"},
		{"allowed/itself", ok, "its own backing file"},
		{"allowed/ping", ok, "its own backing file"},
		{"allowed/32", ok, "more than 32 images"},
		{"wrong", ok, "state that format"},
		{"unstated", ok, "is not stated"},
		{"vmdk", ok, `format "zoo"`},
		{"nbd", ok, "only a plain path"},
		{"json", ok, "only a plain path"},
	} {
		for _, lock := range []bool{true, false} {
			c.o.Lock = lock
			before := descriptors(t)
			image, err := disk.Open(in(c.name), c.o)
			if err == nil {
				closeImage(t, image)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `disk "`) {
				t.Errorf("%s with %+v: error %v, want one that says %q", c.name, c.o, err, c.want)
			}
			if after := descriptors(t); after != before {
				t.Errorf("%s: %d descriptors, %d before", c.name, after, before)
			}
		}
	}
	before := descriptors(t)
	for _, name := range []string{"overlay", "allowed/31"} {
		closeImage(t, open2(t, in(name), ok))
	}
	ok.BackingAllowed = []string{in("allowed/raw")}
	closeImage(t, open2(t, in("overlay"), ok))
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func open2(t testing.TB, path string, o disk.Options) disk.Image {
	t.Helper()
	image, err := disk.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// A process that may open nothing gets the files from one that may, locks and
// all.
func TestDescriptorsFromAParent(t *testing.T) {
	const size = 1 << 20
	dir := t.TempDir()
	base, top := filepath.Join(dir, "base"), filepath.Join(dir, "top")
	create(t, base, disk.CreateOptions{Format: disk.Raw, Size: size})
	create(t, top, overlay(size, "base", disk.Raw))
	o := disk.Options{Format: disk.QCOW2, Lock: true, BackingAllowed: []string{dir}}
	before := descriptors(t)
	files, err := disk.OpenFiles(top, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[0].Name() != top || files[1].Name() != base {
		t.Fatalf("files %v", files)
	}
	image, err := disk.OpenFile(files[0], files[1:], o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(top, o); !errors.Is(err, disk.ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := disk.Open(base, disk.Options{Format: disk.Raw, Lock: true}); !errors.Is(err, disk.ErrInUse) {
		t.Errorf("a backing file opened for writing: %v", err)
	}
	another := open2(t, base, disk.Options{Format: disk.Raw, Lock: true, ReadOnly: true})
	closeImage(t, another)
	closeImage(t, image)
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}

	for name, take := range map[string]func(f []*os.File) (disk.Image, error){
		"was not opened": func(f []*os.File) (disk.Image, error) { defer f[1].Close(); return disk.OpenFile(f[0], nil, o) },
		"nothing names": func(f []*os.File) (disk.Image, error) {
			return disk.OpenFile(f[1], f[:1], disk.Options{Format: disk.Raw, ReadOnly: true})
		},
	} {
		files, err := disk.OpenFiles(top, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := take(files); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that says %q", err, name)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d descriptors, %d before", name, after, before)
		}
	}
}

func TestCreateLeavesNothingBehindOnFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "disk")
	for _, o := range []disk.CreateOptions{
		{},
		{Format: disk.Raw},
		{Format: disk.Raw, Size: 100},
		{Format: disk.Raw, Size: 512, ClusterSize: 512},
		{Format: disk.Raw, Size: 512, Backing: "a", BackingFormat: disk.Raw},
		{Format: disk.QCOW2, Size: 100},
		{Format: disk.QCOW2, Size: 512, Backing: "a"},
		{Format: disk.QCOW2, Size: 512, Backing: "nbd:a", BackingFormat: disk.Raw},
	} {
		if err := disk.Create(path, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: left a file: %v", o, err)
		}
	}
	writeFile(t, path, []byte("kept"))
	if err := disk.Create(path, disk.CreateOptions{Format: disk.Raw, Size: 512}); !errors.Is(err, os.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if p, err := os.ReadFile(path); string(p) != "kept" || err != nil {
		t.Errorf("the file holds %q, %v", p, err)
	}
}

func TestReadOnlyRaw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	writeFile(t, path, make([]byte, 4096))
	image := open(t, path, disk.Options{Format: disk.Raw, ReadOnly: true})
	p := make([]byte, 512)
	for what, err := range map[string]error{
		"write":        image.Writev(vectors.Of(nil, p), 0),
		"discard":      image.Discard(0, 512),
		"write zeroes": image.WriteZeroes(0, 512, true),
		"resize":       image.Resize(8192),
	} {
		if !errors.Is(err, unix.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := image.Readv(vectors.Of(nil, p), 3584); err != nil {
		t.Error(err)
	}
	for _, off := range []int64{-512, 3585, 4096, 1 << 62} {
		if err := image.Readv(vectors.Of(nil, p), off); !errors.Is(err, unix.EINVAL) {
			t.Errorf("read at %d: %v", off, err)
		}
	}
	closeImage(t, image)
}

// Direct I/O and qcow2 go together: what is not aligned is made so.
func TestDirectQCOW2(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	const cluster = 4096
	size := int64(64*cluster + 512)
	create(t, path, disk.CreateOptions{Format: disk.QCOW2, Size: size, ClusterSize: cluster})
	o := disk.Options{Format: disk.QCOW2, Direct: true}
	image, err := disk.Open(path, o)
	if errors.Is(err, unix.EINVAL) {
		t.Skipf("missing: direct I/O: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	closeImage(t, image)
	m := &disktest.Model{Bytes: make([]byte, size), Rand: random(t), Most: 3 * cluster}
	exercise(t, path, o, m, 150)
}
