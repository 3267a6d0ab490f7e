package staging

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPathsBecomeThoseOfTheCopies(t *testing.T) {
	from := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(from, []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	path := from
	if err := f.Copy(&path); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "content" || filepath.Dir(path) != f.Dir {
		t.Errorf("%q holds %q, %v", path, text, err)
	}
	again := from
	if err := f.Copy(&again); err == nil || again != from {
		t.Errorf("two files of one name: %v, %q", err, again)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the copy is still there: %v", err)
	}
}

func TestAQEMUThatIsNotThereLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if f, err := New("/nonexistent/qemu"); err == nil {
		t.Errorf("it is in %q", f.Dir)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
