package fs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/fsd"
	"github.com/hullvm/hull/fsd/fuse"
	"github.com/hullvm/hull/fsd/fusetest"
	"github.com/hullvm/hull/fsd/passthrough"
)

// shared makes a device that shares dir through a real server, and a driver of
// its request queue whose session has begun.
func shared(t testing.TB, dir string) *virtqtest.Driver {
	t.Helper()
	devicestest.CheckGoroutines(t)
	device, server := sockets(t)
	root, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	proc, err := passthrough.OpenProc()
	if err != nil {
		t.Fatal(err)
	}
	files, err := passthrough.New(passthrough.Options{Root: root, Proc: proc})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- fsd.Serve(server, files, fsd.Options{}) }()
	d, err := New(Config{Tag: "work", Server: device})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	q := drivers(t, 1, virtqtest.Options{Size: 64, EventIndex: true, Indirect: true})
	virtqtest.Activate(t, d, 0, q...)
	call(t, q[1], fuse.INIT, 0, fusetest.Body(uint32(7), uint32(38), uint64(0), make([]byte, 48)), 64)
	return q[1]
}

// call does a request, which must succeed.
func call(t testing.TB, q *virtqtest.Driver, op fuse.Opcode, node uint64, body []byte, room int) []byte {
	t.Helper()
	u := q.Do(t, [][]byte{fusetest.Request(op, node, 0, 0, body)}, []int{16, room}[:min(2, 1+room)])
	p, err := fusetest.Parse(u.Bytes())
	if err != nil {
		t.Fatalf("%v: %v", op, err)
	}
	return p
}

func TestAGuestReadsAndWritesTheHostsFiles(t *testing.T) {
	dir := t.TempDir()
	q := shared(t, dir)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	made := call(t, q, fuse.CREATE, fuse.RootID, fusetest.Body(uint32(unix.O_RDWR|unix.O_CREAT), uint32(0o600), uint64(0), "f"), fuse.EntrySize+16)
	node, fh := binary.LittleEndian.Uint64(made), binary.LittleEndian.Uint64(made[fuse.EntrySize:])
	call(t, q, fuse.WRITE, node, fusetest.Body(fh, uint64(0), uint32(len(data)), uint32(0), make([]byte, 16), data), 8)
	got, err := os.ReadFile(filepath.Join(dir, "f"))
	if !bytes.Equal(got, data) || err != nil {
		t.Errorf("the host has %d bytes, %v", len(got), err)
	}
	got = call(t, q, fuse.READ, node, fusetest.Body(fh, uint64(0), uint32(len(data)), make([]byte, 20)), len(data))
	if !bytes.Equal(got, data) {
		t.Errorf("the guest has %d bytes, or others", len(got))
	}
}

func BenchmarkShare(b *testing.B) {
	dir := b.TempDir()
	q := shared(b, dir)
	made := call(b, q, fuse.CREATE, fuse.RootID, fusetest.Body(uint32(unix.O_RDWR|unix.O_CREAT), uint32(0o600), uint64(0), "f"), fuse.EntrySize+16)
	node, fh := binary.LittleEndian.Uint64(made), binary.LittleEndian.Uint64(made[fuse.EntrySize:])
	b.Run("getattr", func(b *testing.B) {
		for b.Loop() {
			call(b, q, fuse.GETATTR, node, make([]byte, 16), 16+fuse.AttrSize)
		}
	})
	for _, n := range []int{4 << 10, 128 << 10, 1 << 20} {
		body := fusetest.Body(fh, uint64(0), uint32(n), uint32(0), make([]byte, 16), make([]byte, n))
		b.Run(fmt.Sprintf("write-%dk", n>>10), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				call(b, q, fuse.WRITE, node, body, 8)
			}
		})
		b.Run(fmt.Sprintf("read-%dk", n>>10), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				call(b, q, fuse.READ, node, fusetest.Body(fh, uint64(0), uint32(n), make([]byte, 20)), n)
			}
		})
	}
}
