package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/google/go-cmp/cmp"
)

func TestCopyKeepsBytesAndHoles(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	const size = 64 << 20
	f, err := os.Create(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{0, 5 << 20, size - 4096} {
		if _, err := f.WriteAt(bytes.Repeat([]byte{byte(off>>20) + 1}, 4096), off); err != nil {
			t.Fatal(err)
		}
	}
	to, err := os.Create(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := Copy(to, from); err != nil {
		t.Fatal(err)
	}
	a, b := read(t, from), read(t, to.Name())
	if !bytes.Equal(a, b) {
		t.Error("the copy is another")
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(to.Fd()), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("the copy takes %d bytes, %v", st.Blocks*512, err)
	}
	for want, path := range map[string]string{"it is no file": "/dev/null", "no such file": filepath.Join(dir, "gone")} {
		if err := Copy(to, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLayers(t *testing.T) {
	dir := t.TempDir()
	base, middle, top := filepath.Join(dir, "base"), filepath.Join(dir, "middle"), filepath.Join(dir, "top")
	for path, o := range map[string]CreateOptions{
		base:   {Format: Raw, Size: 1 << 20},
		middle: {Format: QCOW2, Size: 2 << 20, Backing: "base", BackingFormat: Raw},
		top:    {Format: QCOW2, Size: 3 << 20, Backing: middle, BackingFormat: QCOW2},
	} {
		if err := Create(path, o); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Layers(top, QCOW2, []string{dir})
	want := []Layer{{top, QCOW2, 3 << 20, middle}, {middle, QCOW2, 2 << 20, "base"}, {base, Raw, 1 << 20, ""}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("layers %+v, %v, want %+v", got, err, want)
	}
	if _, err := Layers(top, QCOW2, nil); err == nil || !strings.Contains(err.Error(), "none is allowed") {
		t.Errorf("a backing file that is not allowed: %v", err)
	}
}
