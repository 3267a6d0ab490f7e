package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// listing is what a folder holds: for each path its mode, and its text or where it
// leads to.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		within, err := filepath.Rel(dir, p)
		if err != nil || within == "." {
			return err
		}
		text := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			text, err = os.Readlink(p)
			found[within] = "-> " + text
			return err
		case info.Mode().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text = " " + string(b)
		}
		found[within] = info.Mode().String() + text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantListing(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, listing(t, dir)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", dir, diff)
	}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// someTree is a folder with one of each sort in it.
func someTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Join(dir, "file"), "text", 0o640)
	write(t, filepath.Join(dir, "sub", "deep", "program"), "#!/bin/sh\n", 0o755)
	write(t, filepath.Join(dir, "closed", "secret"), "s", 0o400)
	for name, target := range map[string]string{"link": "file", "out": "/etc/passwd", "dangling": "../nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Chmod(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(closed, 0o700) }) // or it could not be removed
	return dir
}

var treeListing = map[string]string{
	"file": "-rw-r----- text", "sub": "drwxr-xr-x", "sub/deep": "drwxr-xr-x", "sub/deep/program": "-rwxr-xr-x #!/bin/sh\n",
	"closed": "dr-x------", "closed/secret": "-r-------- s", "link": "-> file", "out": "-> /etc/passwd", "dangling": "-> ../nowhere",
}

func under(name string, m map[string]string) map[string]string {
	all := map[string]string{name: "drwxr-xr-x"}
	for k, v := range m {
		all[name+"/"+k] = v
	}
	return all
}

func pack(t *testing.T, source, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Pack(t.Context(), &b, source, PackOptions{Name: name}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFolderGoesThereAndBack(t *testing.T) {
	source := someTree(t)
	for name, test := range map[string]struct {
		to   string
		want map[string]string
	}{
		"under its name": {"tree", under("tree", treeListing)},
		"renamed":        {"copy", under("copy", treeListing)},
		"what is in it":  {".", treeListing},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			closed := filepath.Join(dir, test.to, "closed")
			t.Cleanup(func() { _ = os.Chmod(closed, 0o700) }) // or it could not be removed
			archive := pack(t, source, "tree")
			if err := Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: test.to, Folder: true}); err != nil {
				t.Fatal(err)
			}
			wantListing(t, dir, test.want)
			// Over itself, but for a folder that only root may change.
			if err := errors.Join(os.Chmod(closed, 0o700), os.RemoveAll(closed)); err != nil {
				t.Fatal(err)
			}
			if err := Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: test.to, Folder: true}); err != nil {
				t.Errorf("once more: %v", err)
			}
			wantListing(t, dir, test.want)
		})
	}
}

func TestTimesAreKept(t *testing.T) {
	source, dir := someTree(t), t.TempDir()
	when := time.Unix(1_600_000_000, 0)
	for _, name := range []string{"file", "sub/deep", "sub"} {
		if err := os.Chtimes(filepath.Join(source, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := Unpack(t.Context(), bytes.NewReader(pack(t, source, "tree")), Destination{Dir: dir, Name: "tree", Folder: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "tree", "closed"), 0o700) })
	for _, name := range []string{"file", "sub/deep", "sub"} {
		info, err := os.Stat(filepath.Join(dir, "tree", name))
		if err != nil || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestPackedContentsHaveNoFolderAround(t *testing.T) {
	r := tar.NewReader(bytes.NewReader(pack(t, someTree(t), ".")))
	for {
		h, err := r.Next()
		if err != nil {
			break
		}
		if strings.HasPrefix(h.Name, ".") || strings.HasPrefix(h.Name, "/") || strings.HasPrefix(h.Name, "tree") {
			t.Errorf("entry %q", h.Name)
		}
	}
}

func TestOwnersAreRootsUnlessKept(t *testing.T) {
	source := filepath.Join(t.TempDir(), "f")
	write(t, source, "x", 0o600)
	for _, keep := range []bool{false, true} {
		var b bytes.Buffer
		if err := Pack(t.Context(), &b, source, PackOptions{Name: "f", Owners: keep}); err != nil {
			t.Fatal(err)
		}
		h, err := tar.NewReader(&b).Next()
		if err != nil {
			t.Fatal(err)
		}
		uid, gid := 0, 0
		if keep {
			uid, gid = os.Getuid(), os.Getgid()
		}
		if h.Uid != uid || h.Gid != gid || h.Uname != "" || h.Gname != "" {
			t.Errorf("keep %v: owner %d:%d %q:%q", keep, h.Uid, h.Gid, h.Uname, h.Gname)
		}
	}
}

func TestPackLeavesDevicesOut(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "file"), "x", 0o600)
	var b bytes.Buffer
	var skipped []string
	err := Pack(t.Context(), &b, dir, PackOptions{Name: "d", Skipped: func(p string) { skipped = append(skipped, filepath.Base(p)) }})
	if err != nil || len(skipped) != 1 || skipped[0] != "fifo" {
		t.Errorf("skipped %q, %v", skipped, err)
	}
}

func TestPackSaysWhatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	err := Pack(t.Context(), &bytes.Buffer{}, missing, PackOptions{Name: "x"})
	if err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("got %v", err)
	}
}

// entry is one of a made-up archive.
type entry struct {
	name, text, link string
	kind             byte
	mode             int64
}

func makeTar(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if e.mode == 0 {
			e.mode = 0o755
		}
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode, Size: int64(len(e.text)), Uid: 12345, Gid: 54321}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dirEntry(name string) entry        { return entry{name: name, kind: tar.TypeDir} }
func fileEntry(name, text string) entry { return entry{name: name, text: text, kind: tar.TypeReg} }

func linkEntry(name, target string) entry {
	return entry{name: name, link: target, kind: tar.TypeSymlink}
}

func hardEntry(name, target string) entry  { return entry{name: name, link: target, kind: tar.TypeLink} }
func otherEntry(name string, k byte) entry { return entry{name: name, kind: k} }

// TestHostileArchives has archives that want to write beside their folder. Around
// it stand a file and a folder that must stay as they are.
func TestHostileArchives(t *testing.T) {
	for name, test := range map[string]struct {
		folder  bool
		entries []entry
		err     string
	}{
		"climbs":                      {true, []entry{dirEntry("d/"), fileEntry("d/../beside/evil", "x")}, "not in the folder"},
		"climbs from its folder":      {true, []entry{dirEntry("d/"), fileEntry("d/../../evil", "x")}, "not in the folder"},
		"absolute":                    {true, []entry{dirEntry("d/"), fileEntry("/etc/evil", "x")}, "not in the folder"},
		"another folder":              {true, []entry{dirEntry("d/"), fileEntry("beside/evil", "x")}, "not in the folder"},
		"name that begins alike":      {true, []entry{dirEntry("d/"), fileEntry("dd/evil", "x")}, "not in the folder"},
		"the folder once more":        {true, []entry{dirEntry("d/"), linkEntry("d", "beside")}, "not in the folder"},
		"root that climbs":            {true, []entry{dirEntry("./"), fileEntry("../beside/evil", "x")}, "no name of a file"},
		"through a link":              {true, []entry{dirEntry("d/"), linkEntry("d/l", "../beside"), fileEntry("d/l/evil", "x")}, "escapes"},
		"through an absolute link":    {true, []entry{dirEntry("d/"), linkEntry("d/l", "/tmp"), fileEntry("d/l/evil", "x")}, "escapes"},
		"folder through a link":       {true, []entry{dirEntry("d/"), linkEntry("d/l", "../beside"), dirEntry("d/l/evil")}, "escapes"},
		"folder over a link":          {true, []entry{dirEntry("d/"), linkEntry("d/l", "../beside"), dirEntry("d/l")}, "no folder is there"},
		"hard link to what is beside": {true, []entry{dirEntry("d/"), hardEntry("d/h", "d/../beside/file")}, "not in the folder"},
		"hard link through a link":    {true, []entry{dirEntry("d/"), linkEntry("d/l", "../beside"), hardEntry("d/h", "d/l/file")}, "escapes"},
		"device":                      {true, []entry{dirEntry("d/"), otherEntry("d/null", tar.TypeChar)}, "not unpacked"},
		"fifo":                        {true, []entry{dirEntry("d/"), otherEntry("d/fifo", tar.TypeFifo)}, "not unpacked"},
		"folder where a file was":     {false, []entry{dirEntry("d/")}, "is a folder now"},
		"file where a folder was":     {true, []entry{fileEntry("d", "x")}, "is a file now"},
		"file with another behind":    {false, []entry{fileEntry("d", "x"), fileEntry("beside/evil", "x")}, "stands behind the one file"},
		"device instead of a file":    {false, []entry{otherEntry("d", tar.TypeBlock)}, "not unpacked"},
		"nothing":                     {true, nil, "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "beside", "file"), "mine", 0o644)
			err := Unpack(t.Context(), bytes.NewReader(makeTar(t, test.entries...)), Destination{Dir: dir, Name: "d", Folder: test.folder})
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want one with %q", err, test.err)
			}
			got := listing(t, dir)
			for p := range got {
				if p == "d" || strings.HasPrefix(p, "d/") {
					delete(got, p)
				}
			}
			if diff := cmp.Diff(map[string]string{"beside": "drwxr-xr-x", "beside/file": "-rw-r--r-- mine"}, got); diff != "" {
				t.Errorf("beside the folder (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLinkThatIsThereIsNotFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "victim", "file"), "mine", 0o600)
	for name, target := range map[string]string{"d": "victim", "f": "victim/file"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	err := Unpack(t.Context(), bytes.NewReader(makeTar(t, dirEntry("d/"), fileEntry("d/file", "x"))), Destination{Dir: dir, Name: "d", Folder: true})
	if err == nil {
		t.Error("a folder was unpacked through a link")
	}
	if err := Unpack(t.Context(), bytes.NewReader(makeTar(t, fileEntry("f", "new"))), Destination{Dir: dir, Name: "f"}); err != nil {
		t.Error(err)
	}
	wantListing(t, dir, map[string]string{"victim": "drwxr-xr-x", "victim/file": "-rw------- mine", "d": "-> victim", "f": "-rwxr-xr-x new"})
}

func TestHardLinksAreMade(t *testing.T) {
	dir := t.TempDir()
	archive := makeTar(t, dirEntry("d/"), fileEntry("d/a", "text"), hardEntry("d/b", "d/a"))
	for range 2 { // the second time over the first
		if err := Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: "d", Folder: true}); err != nil {
			t.Fatal(err)
		}
		wantListing(t, dir, under("d", map[string]string{"a": "-rwxr-xr-x text", "b": "-rwxr-xr-x text"}))
	}
}

func TestGuestsGiveNobodyPower(t *testing.T) {
	dir := t.TempDir()
	archive := makeTar(t, entry{name: "su", text: "x", kind: tar.TypeReg, mode: 0o6755})
	if err := Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: "su"}); err != nil {
		t.Fatal(err)
	}
	wantListing(t, dir, map[string]string{"su": "-rwxr-xr-x x"})
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "su"), &st); err != nil || int(st.Uid) != os.Getuid() {
		t.Errorf("owner %d, %v", st.Uid, err)
	}
	if os.Getuid() != 0 {
		return // only root may give files away
	}
	if err := Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: "su", Owners: true}); err != nil {
		t.Fatal(err)
	}
	wantListing(t, dir, map[string]string{"su": "ugrwxr-xr-x x"})
	if err := unix.Stat(filepath.Join(dir, "su"), &st); err != nil || st.Uid != 12345 || st.Gid != 54321 {
		t.Errorf("owner %d:%d, %v", st.Uid, st.Gid, err)
	}
}

func TestSparseEntriesAreRefused(t *testing.T) {
	// By hand: Go's writer makes none.
	records := ""
	for _, kv := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=big", "GNU.sparse.realsize=1099511627776"} {
		records += fmt.Sprintf("%d %s\n", len(kv)+4, kv)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	header := func(name string, kind byte, text string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: kind, Size: int64(len(text)), Mode: 0o600, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	header("x", tar.TypeReg, records) // becomes an extended header below
	header("big", tar.TypeReg, "0\n"+strings.Repeat("\x00", 510))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive := b.Bytes()
	archive[156] = tar.TypeXHeader
	sum := 8 * int(' ')
	for i, c := range archive[:512] {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(archive[148:], fmt.Sprintf("%06o\x00 ", sum))
	dir := t.TempDir()
	err := Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: "big"})
	if err == nil || !strings.Contains(err.Error(), "sparse") {
		t.Errorf("got %v", err)
	}
	wantListing(t, dir, map[string]string{})
}

func TestACopyThatIsCutOffLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "f"), "old", 0o600)
	archive := makeTar(t, fileEntry("f", strings.Repeat("new", 1000)))
	if err := Unpack(t.Context(), bytes.NewReader(archive[:1024]), Destination{Dir: dir, Name: "f"}); err == nil {
		t.Error("half an archive is an archive")
	}
	wantListing(t, dir, map[string]string{"f": "-rw------- old"})
}

func TestUnpackEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Unpack(ctx, bytes.NewReader(makeTar(t, dirEntry("d/"), fileEntry("d/f", "x"))), Destination{Dir: t.TempDir(), Name: "d", Folder: true}); err == nil {
		t.Error("it went on")
	}
}

// FuzzUnpack unpacks anything, as root of a test may, and looks whether what is
// beside the destination is as before.
func FuzzUnpack(f *testing.F) {
	f.Add(makeTar(f, dirEntry("d/"), fileEntry("d/a", "x"), linkEntry("d/l", "../beside"), fileEntry("d/l/file", "evil")), true)
	f.Add(makeTar(f, fileEntry("d", "x")), false)
	f.Add(makeTar(f, dirEntry("./"), dirEntry("a/"), hardEntry("a/b", "../beside/file")), true)
	f.Add([]byte("no archive"), false)
	f.Fuzz(func(t *testing.T, archive []byte, folder bool) {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "beside", "file"), "mine", 0o644)
		_ = Unpack(t.Context(), bytes.NewReader(archive), Destination{Dir: dir, Name: "d", Folder: folder})
		left, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range left {
			if e.Name() != "d" && e.Name() != "beside" {
				t.Errorf("%q is beside the destination", e.Name())
			}
		}
		wantListing(t, filepath.Join(dir, "beside"), map[string]string{"file": "-rw-r--r-- mine"})
		// What may not be entered would stay after the test.
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(p, 0o700)
			}
			return nil
		})
	})
}
