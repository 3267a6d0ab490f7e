package guest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hullvm/hull/configs"
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

func TestInitrdIsBuiltOnce(t *testing.T) {
	programs := t.TempDir()
	for _, p := range []string{agentProgram, shellProgram} {
		if err := os.WriteFile(filepath.Join(programs, p), []byte("program "+p), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d := Dirs{Kernels: t.TempDir(), Cache: t.TempDir(), Programs: programs}
	kernel := write(t, "kernel", "it is not looked at")
	open := func(exec string) string {
		f, err := Open(machine(t, "[boot]\nkernel = \""+kernel+"\"\nprotocol = \"bzimage\"\n[init]\nexec = [\""+exec+"\"]\nhostname = \"h\"\n"), d)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Initrd.Size == 0 || f.Kernel.Name != kernel {
			t.Errorf("%+v", f)
		}
		return f.Initrd.Name
	}
	one, two, other := open("/bin/sh"), open("/bin/sh"), open("/bin/true")
	if one != two || one == other {
		t.Errorf("%q, %q, %q", one, two, other)
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
