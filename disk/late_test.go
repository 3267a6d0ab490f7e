package disk_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/disk"
)

// A Late image shows what was written until it was opened, and is nothing before.
func TestALateImageIsReadWhenItIsOpened(t *testing.T) {
	for _, format := range []string{disk.Raw, disk.QCOW2} {
		t.Run(format, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.img")
			o := disk.Options{Format: format}
			if err := disk.Create(path, disk.CreateOptions{Format: format, Size: 1 << 20}); err != nil {
				t.Fatal(err)
			}
			files, err := disk.OpenFiles(path, o)
			if err != nil {
				t.Fatal(err)
			}
			late := disk.NewLate(files[0], files[1:], o)
			defer late.Close()
			p := make([]byte, 4096)
			iov := vector(p)
			if late.Size() != 0 || late.Readv(iov, 0) == nil || late.Flush() == nil {
				t.Error("it does something before it is open")
			}
			if done, err := late.TryReadv(iov, 0); done || err != nil {
				t.Errorf("try before it is open: %v, %v", done, err)
			}
			want := bytes.Repeat([]byte{7}, len(p))
			write(t, path, o, want)
			image, err := late.Open()
			if err != nil {
				t.Fatal(err)
			}
			if err := late.Readv(iov, 8192); err != nil || !bytes.Equal(p, want) || image.Size() != 1<<20 {
				t.Errorf("%v, %x..., size %d", err, p[:4], image.Size())
			}
			if _, err := late.Open(); err == nil {
				t.Error("opened twice")
			}
		})
	}
}

// write has another writer put p at byte 8192, and close the image.
func write(t *testing.T, path string, o disk.Options, p []byte) {
	t.Helper()
	image, err := disk.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	if err := image.Writev(vector(p), 8192); err != nil {
		t.Fatal(err)
	}
}
