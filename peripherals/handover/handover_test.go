package handover

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, names ...string) []*os.File {
	t.Helper()
	var files []*os.File
	dir := t.TempDir()
	for _, name := range names {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// inherited puts duplicates of files at descriptors that follow each other, as a
// process that is started finds them.
func inherited(t *testing.T, files []*os.File) int {
	t.Helper()
	const first = 500
	for i, f := range files {
		if err := dup(f, first+i); err != nil {
			t.Fatal(err)
		}
	}
	return first
}

func TestAManifestBringsTheFilesAcross(t *testing.T) {
	files := open(t, "image", "backing", "tap")
	var f Files
	f.Add(Disk, "root", files[0], files[1])
	f.Add(Tap, "eth0", files[2])
	m, all := f.Manifest()
	if !slices.Equal(all, files) {
		t.Errorf("the files are %v, want %v", all, files)
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back Manifest
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, m) || back.Count() != 3 {
		t.Errorf("%s became %v", text, back)
	}
	if err := back.Check(); err != nil {
		t.Fatal(err)
	}
	other := back.Open(inherited(t, all))
	if got := other.Take(Disk, "no such"); got != nil {
		t.Errorf("a disk that is not there is %v", got)
	}
	disk := other.Take(Disk, "root")
	if len(disk) != 2 || disk[0].Name() != files[0].Name() || disk[1].Name() != files[1].Name() {
		t.Fatalf("the disk's files are %v", disk)
	}
	for i, d := range disk {
		same(t, d, files[i])
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if other.Take(Disk, "root") != nil {
		t.Error("files are taken twice")
	}
	if err := other.Left(); err == nil || !strings.Contains(err.Error(), `tap "eth0"`) {
		t.Errorf("what is left is %v", err)
	}
	for _, f := range []*Files{other, &f} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Left(); err != nil {
			t.Errorf("after the end: %v", err)
		}
	}
	if err := files[2].Close(); err == nil {
		t.Error("a file that nobody took was not closed")
	}
}

func same(t *testing.T, a, b *os.File) {
	t.Helper()
	x, err := a.Stat()
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(x, y) {
		t.Errorf("%s and %s are two files", a.Name(), b.Name())
	}
}

func TestOnlyOneIsTaken(t *testing.T) {
	files := open(t, "a", "b")
	var f Files
	f.Add(KVM, "", files...)
	if got := f.TakeOne(KVM, ""); got != files[0] {
		t.Errorf("took %v", got)
	}
	if f.TakeOne(KVM, "") != nil {
		t.Error("took it twice")
	}
	if err := files[1].Close(); err == nil {
		t.Error("the other stays open")
	}
	if err := files[0].Close(); err != nil {
		t.Error(err)
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	many := make([]string, MaxFiles+1)
	one := []string{"f"}
	for want, m := range map[string]Manifest{
		"no such use":       {{Use: "door", Files: one}},
		"name of 65":        {{Use: Disk, Name: strings.Repeat("x", 65), Files: one}},
		"0 descriptors":     {{Use: Disk, Name: "x"}},
		"4096 in all":       {{Use: Disk, Name: "x", Files: many}},
		"after 4000":        {{Use: Disk, Name: "x", Files: many[:4000]}, {Use: Disk, Name: "y", Files: many[:100]}},
		"is there already":  {{Use: Disk, Name: "x", Files: one}, {Use: Tap, Name: "x", Files: one}, {Use: Disk, Name: "x", Files: one}},
		"a file's name has": {{Use: Disk, Name: "x", Files: []string{strings.Repeat("x", maxPath+1)}}},
	} {
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`[{"use":"disk","name":"root","files":["/a","/b"]},{"use":"kvm","files":["/dev/kvm"]}]`))
	f.Add([]byte(`[{"use":"disk","name":"root","files":[]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var m Manifest
		if json.Unmarshal(text, &m) != nil || m.Check() != nil {
			return
		}
		if n := m.Count(); n > MaxFiles {
			t.Errorf("%d descriptors", n)
		}
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Manifest
		if err := json.Unmarshal(out, &back); err != nil || back.Check() != nil {
			t.Errorf("%s comes back as %v, %v", out, back, err)
		}
	})
}
