package initrd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/u-root/pkg/cpio"

	"github.com/hullvm/hull/agent/bootconf"
	"github.com/hullvm/hull/internal/archives"
)

// entry is what an archive says of a path.
type entry struct {
	Mode, Major, Minor uint64
	Content            string
}

// unpack adds an archive to tree as the kernel does: what comes later stands.
func unpack(t *testing.T, tree map[string]entry, archive io.ReaderAt) {
	t.Helper()
	err := cpio.ForEachRecord(cpio.Newc.Reader(archive), func(r cpio.Record) error {
		content, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
		if err != nil {
			return err
		}
		if old, ok := tree[r.Name]; ok && old.Mode&cpio.S_IFMT != r.Mode&cpio.S_IFMT {
			return fmt.Errorf("%s is of another kind than before", r.Name)
		}
		tree[r.Name] = entry{r.Mode, r.Rmajor, r.Rminor, string(content)}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// options are those of a machine of this name, of programs in dir.
func options(t *testing.T, dir, machine string) Options {
	t.Helper()
	return Options{
		Agent: put(t, dir, "agent", "an agent"), Shell: put(t, dir, "shell", "a shell!!"),
		Modules: []Module{
			{Name: "virtio_pci", Path: put(t, dir, "virtio_pci.ko", "pci"), SHA256: sumText("pci")},
			{Name: "ext4", Path: put(t, dir, "ext4.ko", "ext"), SHA256: sumText("ext"), Optional: true},
		},
		Config: bootconf.Config{Hostname: machine, Exec: []string{"sh"}},
	}
}

func open(t *testing.T, c Cache, o Options) *Parts {
	t.Helper()
	p, err := c.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// tree is what the kernel has of both parts.
func (p *Parts) tree(t *testing.T) map[string]entry {
	t.Helper()
	tree := make(map[string]entry)
	unpack(t, tree, p.Shared.File)
	unpack(t, tree, p.Own.File)
	return tree
}

func TestTwoPartsAreTheOneArchive(t *testing.T) {
	source := put(t, t.TempDir(), "source", "of the host")
	for name, files := range map[string][]File{
		"nothing more": nil,
		"files": {
			{Path: "/srv/deep/file", Source: source, Mode: 0o640},
			{Path: "/srv/empty", Data: []byte{}},
			{Path: "/srv/link", Link: "deep/file"},
			{Path: "/bin/tool", Data: []byte("x"), Mode: 0o755 | fs.ModeSetuid},
		},
		"in place of what is shared": {
			{Path: "/etc/passwd", Data: []byte("root::0:0::/:/bin/sh\n"), Mode: 0o600},
			{Path: "/etc/hosts", Source: source},
			{Path: "/tmp", Dir: true, Mode: 0o755},
			{Path: "/etc/hull/more", Data: []byte("y")},
			{Path: "/lib/modules/mine.ko", Data: []byte("z")},
		},
	} {
		o := options(t, t.TempDir(), "m")
		o.Files = files
		var whole bytes.Buffer
		if err := Build(&whole, o); err != nil {
			t.Fatal(err)
		}
		want := make(map[string]entry)
		unpack(t, want, bytes.NewReader(whole.Bytes()))
		p := open(t, Cache{Dir: t.TempDir()}, o)
		if diff := cmp.Diff(want, p.tree(t)); diff != "" {
			t.Errorf("%s: one archive differs from two:\n%s", name, diff)
		}
		for _, part := range []Part{p.Shared, p.Own} {
			if info, err := part.File.Stat(); err != nil || info.Size() != part.Size || part.Size%4 != 0 {
				t.Errorf("%s: %q has %v bytes, want %d, %v", name, part.File.Name(), info.Size(), part.Size, err)
			}
		}
		j, err := archives.Join(archives.Part{Data: p.Shared.File, Size: p.Shared.Size}, archives.Part{Data: p.Own.File, Size: p.Own.Size})
		if err != nil {
			t.Fatal(err)
		}
		again := make(map[string]entry)
		unpack(t, again, j)
		unpack(t, again, io.NewSectionReader(j, p.Shared.Size, p.Own.Size))
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("%s: one archive differs from two that are joined:\n%s", name, diff)
		}
	}
}

func TestWhatIsSharedHasNothingOfAMachine(t *testing.T) {
	c, programs := Cache{Dir: t.TempDir()}, t.TempDir()
	web := options(t, programs, "web-machine")
	web.Files = []File{{Path: "/etc/hosts", Data: []byte("web-hosts")}, {Path: "/srv/web-file", Data: []byte{}}}
	a, b := open(t, c, web), open(t, c, options(t, programs, "database-machine"))
	if a.Shared.File.Name() != b.Shared.File.Name() {
		t.Errorf("two machines have %q and %q", a.Shared.File.Name(), b.Shared.File.Name())
	}
	if got := cached(t, c, ".cpio"); len(got) != 1 {
		t.Errorf("the cache has %q", got)
	}
	shared, err := os.ReadFile(a.Shared.File.Name())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(shared, []byte("web-")) || bytes.Contains(shared, []byte("agent.json")) {
		t.Error("the shared part has something of a machine")
	}
	own := make(map[string]entry)
	unpack(t, own, a.Own.File)
	want := []string{"etc/hosts", "etc/hull", "etc/hull/agent.json", "srv", "srv/web-file"}
	if got := slices.Sorted(maps.Keys(own)); !slices.Equal(got, want) {
		t.Errorf("the machine's own part has %q, want %q", got, want)
	}

	fewer := options(t, programs, "web")
	fewer.Modules = fewer.Modules[:1]
	if p := open(t, c, fewer); p.Shared.File.Name() == a.Shared.File.Name() {
		t.Error("machines with other modules share an initrd")
	}
}

// cached are the names in the cache that end so.
func cached(t *testing.T, c Cache, suffix string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(c.Dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAMachinesOwnPartIsSealed(t *testing.T) {
	p := open(t, Cache{Dir: t.TempDir()}, options(t, t.TempDir(), "m"))
	if _, err := p.Own.File.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("write: %v", err)
	}
	for _, size := range []int64{0, p.Own.Size + 1} {
		if err := p.Own.File.Truncate(size); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("truncate to %d: %v", size, err)
		}
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	sum := strings.Repeat("0", 64)
	for want, change := range map[string]func(*Options){
		"packs nothing":          func(o *Options) { o.Compression = Gzip },
		"no program":             func(o *Options) { o.Agent = "" },
		"is no SHA-256":          func(o *Options) { o.Modules[0].SHA256 = sum[:62] },
		`0z" is no SHA-256`:      func(o *Options) { o.Modules[0].SHA256 = sum[:63] + "z" },
		`00" is no SHA-256`:      func(o *Options) { o.Modules[0].SHA256 = sum + "00" },
		"or is damaged":          func(o *Options) { o.Modules[0].SHA256 = sum },
		"in the archive already": func(o *Options) { o.Files = []File{{Path: "/init", Data: []byte{}}} },
		`agent.json": in the ar`: func(o *Options) { o.Files = []File{{Path: bootconf.Path, Data: []byte{}}} },
		"is no directory":        func(o *Options) { o.Files = []File{{Path: "/bin/sh/x", Data: []byte{}}} },
		"no such file":           func(o *Options) { o.Files = []File{{Path: "/x", Source: "/nonexistent"}} },
		"not a regular file":     func(o *Options) { o.Files = []File{{Path: "/x", Source: "/dev/zero"}} },
	} {
		o := options(t, t.TempDir(), "m")
		change(&o)
		c := Cache{Dir: t.TempDir()}
		p, err := c.Open(o)
		if err == nil {
			t.Errorf("%s: accepted", want)
			_ = p.Close()
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
		if got := cached(t, c, ".cpio"); len(got) > 0 {
			t.Errorf("%s: it left %q", want, got)
		}
	}
}

func TestFilesThatChangeWhileTheyAreCopied(t *testing.T) {
	path := put(t, t.TempDir(), "f", "1234")
	for _, size := range []int64{3, 5} { // as it was when it was measured
		r := []record{{path: "/f", mode: cpio.S_IFREG | 0o644, source: path, size: size}}
		if err := write(io.Discard, r, None); !errors.Is(err, errChanged) {
			t.Errorf("%d bytes that are 4: %v", size, err)
		}
	}
	r := []record{{path: "/f", mode: cpio.S_IFREG | 0o644, source: path, size: 4, sum: new([32]byte)}}
	if err := write(io.Discard, r, None); !errors.Is(err, errChanged) {
		t.Errorf("another content: %v", err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r[0].sum = nil
	if err := write(full, r, None); err == nil || errors.Is(err, errChanged) {
		t.Errorf("a full disk: %v", err)
	}
}
