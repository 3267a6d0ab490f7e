package snapshot

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestADiskThatChangedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, []byte("disk"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Unix(1_700_000_000, 5)
	touch := func() {
		t.Helper()
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	identity := func() Identity {
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		id, err := IdentityOf(f)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	touch()
	d := Disk{Name: "root", Path: path, Unchanged: true, File: identity()}
	if d.File.Size != 4 || !d.File.Modified.Equal(old) || d.Check(identity()) != nil {
		t.Fatalf("identity %+v, %v", d.File, d.Check(identity()))
	}
	for _, step := range []struct {
		want   string
		change func() error
	}{
		{"it was last written 2023-11-14T22:13:20.000000005Z, and is now of ", func() error { return os.WriteFile(path, []byte("DISK"), 0o600) }},
		{"it had 4 bytes, and has 5", func() error { return os.WriteFile(path, []byte("disks"), 0o600) }},
		{"another file is in its place", func() error {
			// The old one stays, so that its inode is not given away again.
			if err := os.Rename(path, path+".old"); err != nil {
				return err
			}
			err := os.WriteFile(path, []byte("disk"), 0o600)
			touch()
			return err
		}},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if err := d.Check(identity()); !errors.Is(err, ErrDiskChanged) || !strings.Contains(err.Error(), step.want) {
			t.Errorf("error %v, want one that has %q", err, step.want)
		}
	}
	d.Unchanged = false
	if err := d.Check(identity()); err != nil {
		t.Errorf("a disk that may change: %v", err)
	}
	block := Disk{Unchanged: true, File: Identity{Size: 1, Device: 2}}
	if err := block.Check(Identity{Size: 1, Device: 3}); !errors.Is(err, ErrDiskChanged) {
		t.Errorf("another block device: %v", err)
	}
	if err := block.Check(block.File); err != nil {
		t.Error(err)
	}
	if err := block.Check(Identity{Size: 1, Modified: old}); !errors.Is(err, ErrDiskChanged) {
		t.Errorf("a file in the place of a block device: %v", err)
	}
}

func TestWhatIsNoDisk(t *testing.T) {
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := IdentityOf(f); err == nil || !strings.Contains(err.Error(), "neither a file nor a block device") {
		t.Errorf("error %v", err)
	}
}
