package kernel

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestADebBecomesABundle(t *testing.T) {
	for _, suffix := range []string{"", ".gz", ".zst"} {
		s := OpenStore(filepath.Join(t.TempDir(), "kernels"))
		b, err := s.ImportDeb(context.Background(), tinyDeb(t, suffix, kernelEntries()), "mine")
		if err != nil {
			t.Fatalf("data.tar%s: %v", suffix, err)
		}
		if b.Name != "mine" || b.Release != testRelease || !b.Has("9p") || !b.Has("9pnet") || !b.Has("virtio-pci") || b.Has("unrelated") {
			t.Errorf("data.tar%s: %+v", suffix, b.Manifest)
		}
		got, err := s.Get("mine")
		if err != nil || got.Release != testRelease {
			t.Errorf("read back: %+v, %v", got, err)
		}
	}
}

func TestModulesComeAfterWhatTheyNeed(t *testing.T) {
	s := OpenStore(t.TempDir())
	b, err := s.ImportDeb(context.Background(), tinyDeb(t, "", kernelEntries()), "")
	if err != nil {
		t.Fatal(err)
	}
	mods, err := b.Modules([]string{"9p", "virtio_pci", "9p"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range mods {
		names = append(names, m.Name)
		if _, err := os.Stat(m.Path); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(names, []string{"9pnet", "9p"}) {
		t.Errorf("order %v", names)
	}
	if _, err := b.Modules([]string{"nosuch"}); err == nil || !strings.Contains(err.Error(), `"nosuch"`) {
		t.Errorf("a module that is nowhere: %v", err)
	}
}

func TestModulesInACircleAreRefused(t *testing.T) {
	entries := kernelEntries()
	entries[2].data = gzipped(tinyModule("9pnet", "9p"))
	b, err := OpenStore(t.TempDir()).ImportDeb(context.Background(), tinyDeb(t, "", entries), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Modules([]string{"9p"}); err == nil || !strings.Contains(err.Error(), "depends on itself") {
		t.Errorf("got %v", err)
	}
}

func TestBadPackagesLeaveNothing(t *testing.T) {
	whole, err := os.ReadFile(tinyDeb(t, "", kernelEntries()))
	if err != nil {
		t.Fatal(err)
	}
	image32 := tinyBzImage(testRelease, nil)
	image32[hdrXLoadFlags] = 0
	file := func(b []byte) string {
		path := filepath.Join(t.TempDir(), "x.deb")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		deb  string
		want string
	}{
		"no such file":   {"/nonexistent.deb", "no such file"},
		"a folder":       {t.TempDir(), "not a regular file"},
		"not a package":  {file([]byte("hello")), "not a Debian package"},
		"cut off":        {file(whole[:len(whole)/2]), ""},
		"no kernel":      {tinyDeb(t, "", kernelEntries()[1:]), "no kernel image"},
		"not a kernel":   {tinyDeb(t, "", []entry{{name: "./boot/vmlinuz-" + testRelease, data: bytes.Repeat([]byte("x"), 5000)}}), "neither a bzImage nor an ELF kernel"},
		"32-bit kernel":  {tinyDeb(t, "", []entry{{name: "./boot/vmlinuz-" + testRelease, data: image32}}), "32-bit kernel"},
		"another's name": {tinyDeb(t, "", []entry{{name: "./boot/vmlinuz-9.9", data: kernelEntries()[0].data}}), "its name says"},
		"a link":         {tinyDeb(t, "", []entry{{name: "./boot/vmlinuz-" + testRelease, link: "/etc/shadow"}}), "no kernel image"},
		"outside":        {tinyDeb(t, "", []entry{{name: "../../boot/../../etc/passwd", data: []byte("x")}}), "no kernel image"},
		"wrong module":   {tinyDeb(t, "", append(kernelEntries()[:1:1], entry{name: "./lib/modules/" + testRelease + "/9p.ko", data: []byte("x")})), `module "9p"`},
	} {
		dir := filepath.Join(t.TempDir(), "kernels")
		s := OpenStore(dir)
		_, err := s.ImportDeb(context.Background(), test.deb, "x")
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if list, err := s.List(); err != nil || len(list) != 0 {
			t.Errorf("%s: left %v, %v", name, list, err)
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Name() != lockFile {
				t.Errorf("%s: left %q", name, e.Name())
			}
		}
	}
}

func TestStoreListsReplacesAndRemoves(t *testing.T) {
	s := OpenStore(filepath.Join(t.TempDir(), "kernels"))
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("an empty store lists %v, %v", list, err)
	}
	deb := tinyDeb(t, "", kernelEntries())
	for _, name := range []string{"b", "a", "b"} {
		if _, err := s.ImportDeb(context.Background(), deb, name); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[1].Name != "b" {
		t.Errorf("lists %v, %v", list, err)
	}
	if err := s.Remove("a"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := s.Get("a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("found after its removal: %v", err)
	}
	for _, name := range []string{"", ".", "..", "a/b", ".tmp-x", strings.Repeat("x", 100)} {
		if _, err := s.ImportDeb(context.Background(), deb, name); name != "" && err == nil {
			t.Errorf("name %q was taken", name)
		}
		if err := s.Remove(name); err == nil {
			t.Errorf("name %q was removed", name)
		}
	}
}

func TestADamagedBundleIsNamed(t *testing.T) {
	s := OpenStore(t.TempDir())
	b, err := s.ImportDeb(context.Background(), tinyDeb(t, "", kernelEntries()), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(b.Image(), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("x"); err == nil || !strings.Contains(err.Error(), "10 bytes, the manifest says") {
		t.Errorf("a cut image: %v", err)
	}
	if err := os.WriteFile(filepath.Join(b.Dir, manifestFile), []byte(`{"version":1,"surprise":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("x"); err == nil {
		t.Error("an unknown field was accepted")
	}
	if err := s.Remove("x"); err != nil {
		t.Errorf("a damaged bundle cannot be removed: %v", err)
	}
}
