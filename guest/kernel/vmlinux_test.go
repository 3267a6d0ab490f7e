package kernel

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVMLinuxUnpacksEveryPacking(t *testing.T) {
	want := tinyELF(2, strings.Repeat("compressible ", 100))
	for name, payload := range map[string][]byte{
		"gzip": gzipped(want), "zstd": zstdPacked(t, want), "lz4": lz4Packed(t, want), "none": want,
	} {
		dir := t.TempDir()
		image := filepath.Join(dir, "vmlinuz")
		if err := os.WriteFile(image, tinyBzImage(testRelease, payload), 0o600); err != nil {
			t.Fatal(err)
		}
		path, err := VMLinux(image, "", filepath.Join(dir, "cache"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if err := VerifyVMLinux(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVMLinuxIsMadeOnceAndAnewWhenDamaged(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "vmlinuz")
	if err := os.WriteFile(image, tinyBzImage(testRelease, gzipped(tinyELF(2, ""))), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := VMLinux(image, "", dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := VMLinux(image, "", dir); err != nil || again != path {
		t.Fatalf("%q, %v", again, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("it was made twice")
	}
	if err := os.Truncate(path, before.Size()-1); err != nil {
		t.Fatal(err)
	}
	if _, err := VMLinux(image, "", dir); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); after.Size() != before.Size() {
		t.Error("a cut entry stayed")
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0xff}, 70); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := VerifyVMLinux(path); err == nil {
		t.Error("a changed entry was not noticed")
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a changed entry stayed")
	}
}

func TestVMLinuxTakesAnELFFileAsItIs(t *testing.T) {
	image := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(image, tinyELF(2, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := VMLinux(image, "", t.TempDir()); err != nil || path != image {
		t.Errorf("%q, %v", path, err)
	}
}

func TestHostMirrorReadsBothFormats(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"one line":   {"sources.list", "# deb http://old.example/debian x main\ndeb [arch=amd64] https://mirror.example/debian bookworm main\n", "https://mirror.example/debian"},
		"deb822":     {"sources.list.d/debian.sources", "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n", "http://mirror.example/debian"},
		"others':":   {"sources.list.d/x.list", "deb https://packages.example/apt stable main\n", ""},
		"security's": {"sources.list", "deb http://mirror.example/debian-security bookworm-security main\n", ""},
	} {
		etc := t.TempDir()
		path := filepath.Join(etc, test.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := hostMirror(etc)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
}

func TestImageDependencyFindsTheKernelItself(t *testing.T) {
	text := "linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n"
	if got := imageDependency(text, "linux-image-amd64"); got != "linux-image-6.1.0-56-amd64" {
		t.Errorf("got %q", got)
	}
	if got := imageDependency("linux-image-6.1\n  Depends: kmod\n |Depends: initramfs-tools\n", "linux-image-6.1"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestPullRefusesWhatIsNoKernelPackage(t *testing.T) {
	s := OpenStore(t.TempDir())
	for _, o := range []PullOptions{
		{Package: "bash"}, {Package: "-o=x"}, {Package: "linux-image-amd64", Release: "../x"}, {Package: "linux-image-a;b"},
	} {
		if _, err := s.PullDebian(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
