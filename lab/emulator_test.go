package lab

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testELF is a program that holds nothing but a build id and text.
func testELF(id, text []byte) []byte {
	le := binary.LittleEndian
	note := le.AppendUint32(nil, 4)
	note = le.AppendUint32(note, uint32(len(id)))
	note = le.AppendUint32(note, 3) // NT_GNU_BUILD_ID
	note = append(append(note, "GNU\x00"...), id...)
	names := []byte("\x00.note.gnu.build-id\x00.shstrtab\x00")
	const header, section = 64, 64
	noteAt := header
	namesAt := noteAt + len(note)
	textAt := namesAt + len(names)
	tableAt := (textAt + len(text) + 7) &^ 7

	b := make([]byte, tableAt)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 2)  // ET_EXEC
	le.PutUint16(b[18:], 62) // EM_X86_64
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[40:], uint64(tableAt))
	le.PutUint16(b[52:], header)
	le.PutUint16(b[58:], section)
	le.PutUint16(b[60:], 3)
	le.PutUint16(b[62:], 2)
	copy(b[noteAt:], note)
	copy(b[namesAt:], names)
	copy(b[textAt:], text)
	put := func(name, kind uint32, at, size int) {
		s := make([]byte, section)
		le.PutUint32(s, name)
		le.PutUint32(s[4:], kind)
		le.PutUint64(s[24:], uint64(at))
		le.PutUint64(s[32:], uint64(size))
		b = append(b, s...)
	}
	put(0, 0, 0, 0)
	put(1, 7, noteAt, len(note))
	put(20, 3, namesAt, len(names))
	return b
}

// install makes an installation of an emulator that testMend mends.
func install(t *testing.T) (path, cache string) {
	t.Helper()
	id, err := hex.DecodeString(testMend.buildID)
	if err != nil {
		t.Fatal(err)
	}
	image := testELF(id, make([]byte, 0x2000))
	testMend.place(image)
	prefix := filepath.Join(t.TempDir(), "usr")
	for _, dir := range []string{"bin", "share", "lib"} {
		if err := os.MkdirAll(filepath.Join(prefix, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(prefix, "bin", emulatorName)
	if err := os.WriteFile(path, image, 0o755); err != nil {
		t.Fatal(err)
	}
	old := mends
	mends = append([]mend{testMend}, old...)
	t.Cleanup(func() { mends = old })
	return path, filepath.Join(t.TempDir(), "cache")
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPrepareEmulatorMendsACopy(t *testing.T) {
	path, cache := install(t)
	before := mustRead(t, path)
	e, err := PrepareEmulator(path, cache)
	if err != nil {
		t.Fatal(err)
	}
	if !e.Mended || e.Path == path || e.BuildID != testMend.buildID {
		t.Fatalf("got %+v, want a mended copy", e)
	}
	if !bytes.Equal(mustRead(t, path), before) {
		t.Error("the installed program changed")
	}
	after := mustRead(t, e.Path)
	for _, p := range testMend.patches {
		copy(before[p.offset:], p.mended)
	}
	if !bytes.Equal(after, before) {
		t.Error("the copy is not the program with its store replaced")
	}
	if info, err := os.Stat(e.Path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the copy: %v, %v; want a program", info.Mode(), err)
	}
	for _, name := range []string{"share", "lib"} {
		got, err := filepath.EvalSymlinks(filepath.Join(filepath.Dir(e.Path), "..", name))
		want, wantErr := filepath.EvalSymlinks(filepath.Join(filepath.Dir(path), "..", name))
		if err != nil || wantErr != nil || got != want {
			t.Errorf("beside the copy %s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestPrepareEmulatorKeepsAndRepairsTheCopy(t *testing.T) {
	path, cache := install(t)
	first, err := PrepareEmulator(path, cache)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := PrepareEmulator(path, cache); err != nil {
		t.Fatal(err)
	}
	if again, err := os.Stat(first.Path); err != nil || !os.SameFile(info, again) {
		t.Errorf("the copy was made again (%v)", err)
	}
	want := mustRead(t, first.Path)
	for _, damage := range [][]byte{want[:100], append([]byte{1}, want[1:]...), nil} {
		if err := os.WriteFile(first.Path, damage, 0o755); err != nil {
			t.Fatal(err)
		}
		e, err := PrepareEmulator(path, cache)
		if err != nil || !e.Mended {
			t.Fatalf("with a damaged copy: %+v, %v", e, err)
		}
		if !bytes.Equal(mustRead(t, e.Path), want) {
			t.Error("the damaged copy runs")
		}
	}
	entries, err := os.ReadDir(filepath.Join(cache, "emulator"))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind in the cache: %v, %v", entries, err)
	}
}

func TestPrepareEmulatorRunsAnUnknownBuildAsItIs(t *testing.T) {
	path, cache := install(t)
	tests := map[string]struct {
		image  []byte
		remark string
	}{
		"unknown build": {testELF([]byte{9, 9, 9}, nil), "090909"},
		"no program":    {[]byte("#!/bin/sh\n"), "no ELF"},
		"empty":         {nil, "no ELF"},
		"no build id":   {testELF(nil, nil), "damaged"},
		"other bytes":   {testELF([]byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}, nil), "0 places"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, test.image, 0o755); err != nil {
				t.Fatal(err)
			}
			e, err := PrepareEmulator(path, cache)
			if err != nil {
				t.Fatal(err)
			}
			if e.Mended || e.Path != path || !strings.HasPrefix(e.Remark, "not mended: ") || !strings.Contains(e.Remark, test.remark) {
				t.Errorf("got %+v, want it as it is, with a remark on %s", e, test.remark)
			}
		})
	}
}

func TestPrepareEmulatorWithoutACacheRunsItAsItIs(t *testing.T) {
	path, _ := install(t)
	e, err := PrepareEmulator(path, filepath.Join(path, "under", "a", "file"))
	if err != nil || e.Mended || e.Path != path {
		t.Errorf("got %+v, %v; want the installed program", e, err)
	}
}

func TestFindEmulatorSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := FindEmulator("")
	if err == nil || !strings.Contains(err.Error(), "apt-get install qemu-system-x86") {
		t.Errorf("error %v, want one that says what to install", err)
	}
}

func FuzzBuildID(f *testing.F) {
	f.Add(testELF([]byte{1, 2, 3}, nil))
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, image []byte) {
		id, err := buildID(image)
		if err == nil && (len(id) == 0 || len(id) > maxBuildID) {
			t.Errorf("build id of %d bytes", len(id))
		}
	})
}
