package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/vmm"
)

func TestADryRunWritesTheInitrd(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{"kernel": guesttest.BareKernel([]byte{0xf4}), "initrd": []byte("of the user's own")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(dir, "copy")
	path := machineFile(t, "[boot]\nkernel = \""+dir+"/kernel\"\nprotocol = \"elf\"\ninitrd = \""+dir+"/initrd\"\n")
	for range 2 { // it replaces what is there
		got := hull(t, &fakeEngine{}, "boot", path, "--dry-run", "--write-initrd", copied)
		if got.status != 0 || !strings.Contains(got.stdout, "# initrd:  "+dir+"/initrd\n") {
			t.Fatalf("status %d, %q, %q", got.status, got.stdout, got.stderr)
		}
		if b, err := os.ReadFile(copied); err != nil || string(b) != "of the user's own" {
			t.Errorf("written is %q, %v", b, err)
		}
	}
	got := hull(t, &fakeEngine{}, "boot", path, "--dry-run", "--set", "boot.initrd=none", "--write-initrd", filepath.Join(dir, "more"))
	if got.status == 0 || !strings.Contains(got.stderr, "the machine has no initrd") {
		t.Errorf("without one: status %d, %q", got.status, got.stderr)
	}
	if err := writeInitrd(filepath.Join(dir, "no", "such"), vmm.Image{Name: "i", File: strings.NewReader("x"), Size: 1}); err == nil {
		t.Error("a folder that is not there is no error")
	}
	short := vmm.Image{Name: "i", File: strings.NewReader("x"), Size: 5}
	if err := writeInitrd(filepath.Join(dir, "short"), short); err == nil {
		t.Error("an initrd that is shorter than it was is no error")
	}
}
