package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, content := range []string{"one", "two"} {
		err := WriteFile(path, 0o640, func(w io.Writer) error {
			_, err := io.WriteString(w, content)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); got != content {
			t.Errorf("file holds %q, want %q", got, content)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o640 {
		t.Errorf("mode %v, want -rw-r-----", info.Mode())
	}
}

func TestWriteFileLeavesTheOldOneOnFailure(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := WriteFile(path, 0o600, func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			t.Error(err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if got := read(t, path); got != "old" {
		t.Errorf("file holds %q, want the old content", got)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func tree(t *testing.T, dir, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub", "f"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPutDirRefusesAnExistingName(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "final")
	if err := PutDir(tree(t, filepath.Join(dir, "a"), "a"), final); err != nil {
		t.Fatal(err)
	}
	b := tree(t, filepath.Join(dir, "b"), "b")
	if err := PutDir(b, final); !errors.Is(err, fs.ErrExist) {
		t.Errorf("error %v, want one that says it exists", err)
	}
	if got := read(t, filepath.Join(final, "sub", "f")); got != "a" {
		t.Errorf("final holds %q, want a", got)
	}
	if err := SwapDir(b, final); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(final, "sub", "f")); got != "b" {
		t.Errorf("after the swap final holds %q, want b", got)
	}
	if got := read(t, filepath.Join(b, "sub", "f")); got != "a" {
		t.Errorf("after the swap the old tree holds %q, want a", got)
	}
}
