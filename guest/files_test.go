package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/archives"
)

func machine(t *testing.T, text string) *configs.Machine {
	t.Helper()
	m, err := configs.Parse(filepath.Join(t.TempDir(), "m.toml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	text := write(t, "essay", strings.Repeat("not a kernel ", 1000))
	for name, test := range map[string]struct{ toml, want string }{
		"no bundle":       {"[boot]\nkernel = \"nosuch\"\ninitrd = \"none\"\n", "hull kernel pull"},
		"no file":         {"[boot]\nkernel = \"/nonexistent\"\ninitrd = \"none\"\n", `"/nonexistent": open: no such file`},
		"a folder":        {"[boot]\nkernel = \"/tmp/\"\ninitrd = \"none\"\n", "not a regular file"},
		"not a kernel":    {"[boot]\nkernel = \"" + text + "\"\ninitrd = \"none\"\n", "neither a bzImage nor an ELF kernel"},
		"no initrd":       {"[boot]\nkernel = \"" + text + "\"\nprotocol = \"bzimage\"\ninitrd = \"/nonexistent\"\n", `initrd "/nonexistent"`},
		"no programs":     {"[boot]\nkernel = \"" + text + "\"\nprotocol = \"bzimage\"\n[init]\nexec = [\"x\"]\n", "make build"},
		"modules of none": {"[boot]\nkernel = \"" + text + "\"\nprotocol = \"bzimage\"\n[init]\nexec = [\"x\"]\nmodules = [\"ext4\"]\n", ""},
	} {
		d := Dirs{Kernels: t.TempDir(), Cache: t.TempDir(), Programs: t.TempDir()}
		f, err := Open(machine(t, test.toml), d)
		if err == nil {
			f.Close()
			t.Errorf("%s: accepted", name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q does not say %q", name, err, test.want)
		}
	}
}

// programs makes a folder with what stands for a guest's programs, of this size.
func programs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range []string{agentProgram, shellProgram} {
		content := bytes.Repeat([]byte(p), size/len(p)+1)[:size]
		if err := os.WriteFile(filepath.Join(dir, p), content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMachinesShareWhatTheyCan(t *testing.T) {
	d := Dirs{Kernels: t.TempDir(), Cache: t.TempDir(), Programs: programs(t, 12345)}
	kernelFile := write(t, "kernel", "it is not looked at")
	open := func(exec string) *Files {
		f, err := Open(machine(t, "[boot]\nkernel = \""+kernelFile+"\"\nprotocol = \"bzimage\"\n[init]\nexec = [\""+exec+"\"]\nhostname = \"h\"\n"), d)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	content := func(f *Files) string {
		b, err := io.ReadAll(io.NewSectionReader(f.Initrd.File, 0, f.Initrd.Size+1))
		if err != nil || int64(len(b)) != f.Initrd.Size {
			t.Fatalf("%d bytes of %d, %v", len(b), f.Initrd.Size, err)
		}
		return string(b)
	}
	one, two, other := open("/bin/sh"), open("/bin/sh"), open("/bin/other")
	if content(one) != content(two) || content(one) == content(other) || !strings.Contains(content(other), "/bin/other") {
		t.Error("initrds of equal machines differ, or of others do not")
	}
	entries, err := os.ReadDir(filepath.Join(d.Cache, "initrd"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the cache has %v, %v", entries, err)
	}
	// Another process reads the same.
	kernel, initrd := other.Descriptors()
	if kernel.Name() != kernelFile || len(initrd) != 2 {
		t.Fatalf("descriptors are %v and %v", kernel, initrd)
	}
	joined, name, err := archives.JoinFiles(initrd...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(joined, 0, joined.Size()))
	if err != nil || string(b) != content(other) {
		t.Errorf("another process reads %d bytes, %v; want %d", len(b), err, other.Initrd.Size)
	}
	for _, called := range []string{name, other.Initrd.Name} {
		if !strings.HasPrefix(called, filepath.Join(d.Cache, "initrd")) {
			t.Errorf("the initrd is called %q", called)
		}
	}
	if err := errors.Join(other.Close(), other.Close()); err != nil {
		t.Error(err)
	}
	for _, f := range append(initrd, kernel) {
		if err := f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%q was not closed: %v", f.Name(), err)
		}
	}
}

func TestAnInitrdOfTheUsersOwn(t *testing.T) {
	d := Dirs{Kernels: t.TempDir(), Cache: t.TempDir(), Programs: "/nonexistent"}
	kernelFile, initrdFile := write(t, "kernel", "k"), write(t, "mine", "odd")
	for value, want := range map[string]string{initrdFile: "odd", "none": ""} {
		f, err := Open(machine(t, "[boot]\nkernel = \""+kernelFile+"\"\nprotocol = \"bzimage\"\ninitrd = \""+value+"\"\n"), d)
		if err != nil {
			t.Fatal(err)
		}
		_, initrd := f.Descriptors()
		switch {
		case want == "":
			if len(initrd) != 0 || f.Initrd != (File{}) {
				t.Errorf("%q: %+v, %v", value, f.Initrd, initrd)
			}
		case len(initrd) != 1 || f.Initrd != (File{initrdFile, initrd[0], int64(len(want))}):
			t.Errorf("%q: %+v, %v", value, f.Initrd, initrd)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if entries, err := os.ReadDir(d.Cache); err != nil || len(entries) != 0 {
		t.Errorf("the cache has %v, %v", entries, err)
	}
}

// BenchmarkOpen opens the files of machines that differ, with a warm cache. Its
// programs are files that have been at rest, as an installed guest's are: links to
// the go command.
func BenchmarkOpen(b *testing.B) {
	d := Dirs{Kernels: b.TempDir(), Cache: b.TempDir(), Programs: b.TempDir()}
	program, err := exec.LookPath("go")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{agentProgram, shellProgram} {
		if err := os.Symlink(program, filepath.Join(d.Programs, name)); err != nil {
			b.Fatal(err)
		}
	}
	kernelFile := filepath.Join(b.TempDir(), "kernel")
	if err := os.WriteFile(kernelFile, []byte("k"), 0o600); err != nil {
		b.Fatal(err)
	}
	open := func(i int) {
		m, err := configs.Parse("m.toml", fmt.Appendf(nil, "[boot]\nkernel = %q\nprotocol = \"bzimage\"\n[init]\nexec = [\"sh\"]\nhostname = \"m%d\"\n", kernelFile, i))
		if err != nil {
			b.Fatal(err)
		}
		f, err := Open(m, d)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	open(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		open(i)
	}
}

func TestTheUsersWordsComeLast(t *testing.T) {
	m := machine(t, "[boot]\nkernel = \"k\"\ninitrd = \"none\"\ncmdline = \"panic=5\"\n")
	line, err := cmdline(m)
	if err != nil || !strings.HasPrefix(line, "console=ttyS0 ") || !strings.HasSuffix(line, " panic=5") {
		t.Errorf("%q, %v", line, err)
	}
	m.Boot.CmdlineDefault = false
	if line, err := cmdline(m); err != nil || line != "panic=5" {
		t.Errorf("%q, %v", line, err)
	}
	m.Boot.CmdlineDefault = true
	m.Boot.Cmdline = strings.Repeat("x", configs.MaxCmdline)
	if _, err := cmdline(m); err == nil || !strings.Contains(err.Error(), "cmdline_default") {
		t.Errorf("too long: %v", err)
	}
}

func TestDirsFollowTheEnvironment(t *testing.T) {
	env := map[string]string{"HULL_HOME": "/h", "HULL_PROGRAMS": "/p", "HULL_CACHE_DIR": "/c"}
	if got := DirsFromEnv(func(k string) string { return env[k] }); got != (Dirs{"/h", "/h/kernels", "/c", "/p"}) {
		t.Errorf("%+v", got)
	}
}
