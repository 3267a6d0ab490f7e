package main

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/manager"
)

// tree is what a folder holds: paths with a text, "/" for folders, "-> target" for
// links.
type tree map[string]string

func (files tree) make(t *testing.T, dir string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		target, link := strings.CutPrefix(text, "-> ")
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case text == "/":
			err = os.MkdirAll(path, 0o755)
		case link:
			err = os.Symlink(target, path)
		default:
			err = os.WriteFile(path, []byte(text), 0o640)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func readTree(t *testing.T, dir string) tree {
	t.Helper()
	files := make(tree)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name := strings.TrimPrefix(p, dir+"/")
		switch {
		case d.IsDir():
			files[name] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			files[name] = "-> " + target
			return err
		default:
			text, err := os.ReadFile(p)
			files[name] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// someFiles is what there is to copy, and where.
var someFiles = tree{"file": "text", "dir": "/", "dir/a": "A", "dir/sub": "/", "dir/sub/l": "-> ../a", "there": "/", "old": "old", "tofile": "-> old", "todir": "-> there", "empty": "/"}

// cpCases are the rules of docker cp: source, destination, and what is new then.
var cpCases = map[string]struct {
	from, to string
	added    tree
	err      string // a part of the message instead
}{
	"file to a new name":            {from: "file", to: "new", added: tree{"new": "text"}},
	"file into a folder":            {from: "file", to: "there", added: tree{"there/file": "text"}},
	"file into a folder with slash": {from: "file", to: "there/", added: tree{"there/file": "text"}},
	"file over a file":              {from: "file", to: "old", added: tree{"old": "text"}},
	"file over a link to a file":    {from: "file", to: "tofile", added: tree{"old": "text"}},
	"file into a link to a folder":  {from: "file", to: "todir", added: tree{"there/file": "text"}},
	"file to no folder":             {from: "file", to: "none/", err: "there is no such folder; make it before"},
	"file below no folder":          {from: "file", to: "none/new", err: "no such file or directory"},
	"file with a slash behind it":   {from: "file/", to: "new", err: "no"},
	"file to a file with a slash":   {from: "file", to: "old/", err: "no"},
	"folder to a new name":          {from: "dir", to: "new", added: tree{"new": "/", "new/a": "A", "new/sub": "/", "new/sub/l": "-> ../a"}},
	"folder to a new folder":        {from: "dir", to: "new/", added: tree{"new": "/", "new/a": "A", "new/sub": "/", "new/sub/l": "-> ../a"}},
	"folder into a folder":          {from: "dir", to: "there", added: tree{"there/dir": "/", "there/dir/a": "A", "there/dir/sub": "/", "there/dir/sub/l": "-> ../a"}},
	"folder with a slash":           {from: "dir/", to: "there", added: tree{"there/dir": "/", "there/dir/a": "A", "there/dir/sub": "/", "there/dir/sub/l": "-> ../a"}},
	"what is in a folder":           {from: "dir/.", to: "there", added: tree{"there/a": "A", "there/sub": "/", "there/sub/l": "-> ../a"}},
	"what is in it, to a new name":  {from: "dir/.", to: "new", added: tree{"new": "/", "new/a": "A", "new/sub": "/", "new/sub/l": "-> ../a"}},
	"folder over a file":            {from: "dir", to: "old", err: "the source is a folder, and the destination is none"},
	"empty folder":                  {from: "empty", to: "there", added: tree{"there/empty": "/"}},
	"link as it is":                 {from: "tofile", to: "new", added: tree{"new": "-> old"}},
	"link as it is, into a folder":  {from: "todir", to: "there", added: tree{"there/todir": "-> there"}},
	"link with a slash":             {from: "todir/.", to: "new", added: tree{"new": "/"}},
	"nothing":                       {from: "none", to: "there", err: "no such file"},
}

func TestCpFollowsDockersRules(t *testing.T) {
	for name, test := range cpCases {
		for _, into := range []bool{true, false} {
			way := " out of the guest"
			if into {
				way = " into the guest"
			}
			t.Run(name+way, func(t *testing.T) {
				host, guest := t.TempDir(), t.TempDir()
				f := &fakeEngine{instances: someInstances(), files: guest}
				source, destination, changed := host, guest, guest
				from, to := filepath.Join(host)+"/"+test.from, "web:/"+test.to
				if !into {
					source, destination, changed = guest, host, host
					from, to = "web:"+test.from, host+"/"+test.to // relative to the guest's root
				}
				someFiles.make(t, source)
				want := make(tree)
				for k, v := range someFiles {
					if k != "file" && k != "dir" && !strings.HasPrefix(k, "dir/") {
						want[k] = v
					}
				}
				want.make(t, destination)
				got := hull(t, f, "cp", from, to)
				if test.err != "" {
					if got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, test.err) || strings.Count(got.stderr, "\n") != 1 {
						t.Errorf("status %d, %q, %q; want an error with %q", got.status, got.stdout, got.stderr, test.err)
					}
				} else {
					got.want(t, "", "", 0)
				}
				for k, v := range test.added {
					want[k] = v
				}
				if diff := cmp.Diff(want, readTree(t, changed)); diff != "" {
					t.Errorf("there is (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestCpFollowsALinkWhenAsked(t *testing.T) {
	host, guest := t.TempDir(), t.TempDir()
	someFiles.make(t, guest)
	tree{"l": "-> file", "file": "mine"}.make(t, host)
	f := &fakeEngine{instances: someInstances(), files: guest}
	hull(t, f, "cp", "-L", "web:/tofile", host+"/copy").want(t, "", "", 0)
	hull(t, f, "cp", "-L", host+"/l", "web:/copy").want(t, "", "", 0)
	if got := readTree(t, host)["copy"]; got != "old" {
		t.Errorf("on the host: %q", got)
	}
	if got := readTree(t, guest)["copy"]; got != "mine" {
		t.Errorf("in the guest: %q", got)
	}
}

func TestCpKeepsModes(t *testing.T) {
	host, guest := t.TempDir(), t.TempDir()
	path := filepath.Join(host, "program")
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	f := &fakeEngine{instances: someInstances(), files: guest}
	hull(t, f, "cp", path, "web:/p").want(t, "", "", 0)
	hull(t, f, "cp", "web:/p", filepath.Join(host, "back")).want(t, "", "", 0)
	for _, p := range []string{filepath.Join(guest, "p"), filepath.Join(host, "back")} {
		if info, err := os.Stat(p); err != nil || info.Mode() != 0o700 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
}

func TestCpOfArchives(t *testing.T) {
	guest := t.TempDir()
	someFiles.make(t, guest)
	f := &fakeEngine{instances: someInstances(), files: guest}
	got := hull(t, f, "cp", "web:/dir", "-")
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("status %d, %q", got.status, got.stderr)
	}
	if h, err := tar.NewReader(strings.NewReader(got.stdout)).Next(); err != nil || h.Name != "dir/" {
		t.Errorf("the archive begins with %+v, %v", h, err)
	}
	archive := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(archive, []byte(got.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(to string) outcome {
		file, err := os.Open(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		a, stdout, stderr := hullApp(f, file, nil)
		status := a.main(t.Context(), []string{"cp", "-", to})
		return outcome{stdout.String(), stderr.String(), status}
	}
	in("web:/there").want(t, "", "", 0)
	if got := readTree(t, filepath.Join(guest, "there")); got["dir/sub/l"] != "-> ../a" {
		t.Errorf("there is %v", got)
	}
	in("web:/file").want(t, "", "hull: copy \"-\" to \"web:/file\": an archive is unpacked into a folder, and there is none\n", 1)
	in("web:/none").want(t, "", "hull: copy \"-\" to \"web:/none\": an archive is unpacked into a folder, and there is none\n", 1)
}

func TestCpRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		from, to, stderr string
		status           int
	}{
		"no guest":    {"a", "b", "hull: copy \"a\" to \"b\": neither is a guest's; write one as REF:PATH\n", 1},
		"two guests":  {"web:/a", "db:/b", "hull: copy \"web:/a\" to \"db:/b\": both are guests'; copy to the host first, or pipe: hull cp web:/a - | hull cp - db:/b\n", 1},
		"no ref":      {":/a", "b", "hull: \":/a\": there is no instance before the colon; write REF:PATH, or ./NAME for a name with a colon\n", 1},
		"no path":     {"web:", "b", "hull: \"web:\": there is no path behind the colon; write REF:PATH\n", 1},
		"empty":       {"", "web:/b", "hull: an empty path is no place to copy from or to\n", 1},
		"no instance": {"nobody:/a", "b", "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
		"device":      {"web:/file", "/dev/null", "hull: copy \"web:/file\" to \"/dev/null\": the destination is no file; use - and tar\n", 1},
		"from device": {"/dev/null", "web:/x", "hull: copy \"/dev/null\" to \"web:/x\": the source is neither a file nor a folder; pack it with tar and use -\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			guest := t.TempDir()
			someFiles.make(t, guest)
			hull(t, &fakeEngine{instances: someInstances(), files: guest}, "cp", test.from, test.to).want(t, "", test.stderr, test.status)
		})
	}
}

func TestCpLinksThatGoInCircles(t *testing.T) {
	guest := t.TempDir()
	tree{"a": "-> b", "b": "-> a"}.make(t, guest)
	hull(t, &fakeEngine{instances: someInstances(), files: guest}, "cp", "-L", "web:/a", t.TempDir()).want(t, "", "hull: \"web:/a\": it leads through more than 40 links\n", 1)
}

// TestCpFromAHostileGuest has a guest that says one thing and sends another.
func TestCpFromAHostileGuest(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []tar.Header{
		{Name: "data", Typeflag: tar.TypeSymlink, Linkname: ".ssh", Mode: 0o777},
		{Name: "data/authorized_keys", Typeflag: tar.TypeReg, Mode: 0o600},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{fs.ModeDir | 0o755, fs.ModeSymlink | 0o777, 0o644} {
		home := t.TempDir()
		tree{".ssh/authorized_keys": "mine"}.make(t, home)
		f := &fakeEngine{instances: someInstances(), tar: archive.Bytes(), stat: &manager.FileStat{Name: "data", Mode: mode}}
		if got := hull(t, f, "cp", "web:/data", home); got.status != 1 || !strings.HasPrefix(got.stderr, "hull: copy \"web:/data\" to ") {
			t.Errorf("%v: status %d, %q", mode, got.status, got.stderr)
		}
		if text := readTree(t, home)[".ssh/authorized_keys"]; text != "mine" {
			t.Errorf("%v: the keys are %q", mode, text)
		}
	}
}
