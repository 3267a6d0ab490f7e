package monitor

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/archives"
	"github.com/hullvm/hull/peripherals/handover"
	"github.com/hullvm/hull/vmm"
)

// opened are open files with these contents.
func opened(t *testing.T, contents ...string) []*os.File {
	t.Helper()
	var files []*os.File
	for _, c := range contents {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(c), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		files = append(files, f)
	}
	return files
}

func TestArchivesOfAnInitrdAreReadAsOne(t *testing.T) {
	for want, archives := range map[string][]string{"": nil, "one": {"one"}, "first\x00\x00\x00second\x00\x00third": {"first", "second", "third"}} {
		kernel, initrd := opened(t, "the kernel"), opened(t, archives...)
		var files handover.Files
		files.Add(handover.Kernel, "", kernel...)
		if len(initrd) > 0 {
			files.Add(handover.Initrd, "", initrd...)
		}
		images := takeImages(&files)
		var c vmm.Config
		if err := images.describe(&c); err != nil {
			t.Fatal(err)
		}
		if c.Kernel.Size != int64(len("the kernel")) || c.Kernel.Name != kernel[0].Name() {
			t.Errorf("the kernel is %+v", c.Kernel)
		}
		got := ""
		if c.Initrd.File != nil {
			b, err := io.ReadAll(io.NewSectionReader(c.Initrd.File, 0, c.Initrd.Size))
			if err != nil {
				t.Fatal(err)
			}
			got = string(b)
		}
		if got != want {
			t.Errorf("%q are %q, want %q", archives, got, want)
		}
		images.close()
		for _, f := range append(kernel, initrd...) {
			if err := f.Close(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%q is open: %v", f.Name(), err)
			}
		}
		if err := files.Left(); err != nil {
			t.Error(err)
		}
	}
}

func TestInitrdsThatAreRefused(t *testing.T) {
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	for want, initrd := range map[string][]*os.File{
		folder.Name() + `": not a regular`: {opened(t, "x")[0], folder},
		`/dev/zero": not a regular`:        {zero},
		"17 archives":                      opened(t, make([]string, archives.MaxParts+1)...),
	} {
		var c vmm.Config
		if err := (&images{initrd: initrd}).describe(&c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}
