package manager

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// archiveOf is an archive with one entry, and much behind it.
func archiveOf(t *testing.T, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteHeader(&tar.Header{Name: "more", Typeflag: tar.TypeReg, Mode: 0o600, Size: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStatReadsTheFirstHeader(t *testing.T) {
	when := time.Unix(1_700_000_000, 0)
	for name, test := range map[string]struct {
		path   string
		header tar.Header
		want   FileStat
	}{
		"folder": {"/srv/data/", tar.Header{Name: "data/", Typeflag: tar.TypeDir, Mode: 0o750, ModTime: when}, FileStat{Name: "data", Mode: fs.ModeDir | 0o750, ModTime: when}},
		"link":   {"/srv/l", tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "data", Mode: 0o777, ModTime: when}, FileStat{Name: "l", Mode: fs.ModeSymlink | 0o777, ModTime: when, LinkTarget: "data"}},
		"root":   {"/", tar.Header{Name: "/", Typeflag: tar.TypeDir, Mode: 0o755, ModTime: when}, FileStat{Name: "/", Mode: fs.ModeDir | 0o755, ModTime: when}},
	} {
		t.Run(name, func(t *testing.T) {
			archive := archiveOf(t, test.header)
			got, err := statWith(test.path, func(w io.Writer) error {
				n, err := w.Write(archive)
				if err == nil || n == len(archive) {
					t.Errorf("%d of %d bytes were read, %v", n, len(archive), err)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatKnowsWhatIsNotThere(t *testing.T) {
	_, err := statWith("/x", func(io.Writer) error {
		return errors.New(`in the guest: "get: lstat /x: no such file or directory"`)
	})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	denied := errors.New(`in the guest: "get: lstat /no such file or directory: permission denied"`)
	if _, err := statWith("/x", func(io.Writer) error { return denied }); !errors.Is(err, denied) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestStatRefusesGarbage(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "no archive": "0123456789", "long": string(bytes.Repeat([]byte("x"), 1<<20))} {
		if s, err := statWith("/x", func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
