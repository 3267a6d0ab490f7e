package pid1

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDisksAreFoundByTheirSerialNumber(t *testing.T) {
	dir := t.TempDir()
	for name, serial := range map[string]string{"vda": "root", "vdb": "data-1\n", "sda": "other"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "serial"), []byte(serial), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for serial, want := range map[string]string{"root": "/dev/vda", "data-1": "/dev/vdb", "data": "", "other": "", "": ""} {
		if got := diskWith(dir, serial); got != want {
			t.Errorf("%q is %q, want %q", serial, got, want)
		}
	}
}

func TestEmptyingTheInitrdLeavesWhatIsMountedInIt(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"init", "bin/sh", "lib/modules/a.ko", "etc/hull/agent.json", "proc/1", "mnt/kept/file"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	emptyInitrd(root)
	var left []string
	err = filepath.Walk(dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			rel, _ := filepath.Rel(dir, p)
			left = append(left, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"mnt/kept/file", "proc/1"}, left); diff != "" {
		t.Errorf("files left (-want +got):\n%s", diff)
	}
}
