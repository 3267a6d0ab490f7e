package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fake is a host whose kernel is a directory of plain files, which behaves as the
// real one does as far as Hull relies on that.
type fake struct {
	t        *testing.T
	root     string
	readOnly []string         // directories
	refuse   map[string]error // writes to files with these names
	writes   []string
}

func newFake(t *testing.T, mountinfo, membership string) *fake {
	t.Helper()
	f := &fake{t: t, root: t.TempDir(), refuse: map[string]error{}}
	f.put("proc/self/mountinfo", mountinfo)
	f.put("proc/self/cgroup", membership)
	return f
}

func (f *fake) put(file, text string) {
	f.t.Helper()
	p := filepath.Join(f.root, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o600)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) get(file string) string {
	b, err := os.ReadFile(filepath.Join(f.root, file))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// tree makes a group of version 2 with files.
func (f *fake) tree(dir, controllers, procs string) {
	f.put(filepath.Join(dir, "cgroup.controllers"), controllers)
	f.put(filepath.Join(dir, "cgroup.subtree_control"), "")
	f.put(filepath.Join(dir, "cgroup.procs"), procs)
}

func (f *fake) find() (*host, error) { return findHost(f.root, f, "hull") }

func (f *fake) mustFind() *host {
	f.t.Helper()
	h, err := f.find()
	if err != nil {
		f.t.Fatal(err)
	}
	return h
}

func (f *fake) short(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, f.root), "/sys/fs/cgroup/")
}

func (f *fake) writable(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	if slices.Contains(f.readOnly, f.short(dir)) {
		return fmt.Errorf("%s: %w", f.short(dir), unix.EROFS)
	}
	return nil
}

func (f *fake) mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	files := map[string]string{"cgroup.procs": "", "cgroup.type": "domain\n"}
	if up, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "cgroup.subtree_control")); err == nil {
		files["cgroup.controllers"] = strings.ReplaceAll(string(up), "+", "")
		files["cgroup.subtree_control"] = ""
		for _, name := range []string{"cpu.max", "memory.max", "memory.swap.max", "pids.max"} {
			if c, _, _ := strings.Cut(name, "."); strings.Contains(string(up), c) {
				files[name] = "max"
			}
		}
	} else {
		for _, name := range []string{"cpu.cfs_period_us", "cpu.cfs_quota_us", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max"} {
			files[name] = "max"
		}
	}
	for name, text := range files {
		f.put(strings.TrimPrefix(filepath.Join(dir, name), f.root), text)
	}
	return nil
}

func (f *fake) write(file, text string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	if err := f.refuse[filepath.Base(file)]; err != nil {
		return err
	}
	f.writes = append(f.writes, f.short(file)+"="+text)
	dir, name := filepath.Split(file)
	switch name {
	case "cgroup.procs":
		up := filepath.Join(filepath.Dir(filepath.Clean(dir)), name) // this fake moves from a group to one below it
		b, err := os.ReadFile(up)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(strings.Fields(string(b)), func(p string) bool { return p == text })
		if err := os.WriteFile(up, []byte(strings.Join(left, "\n")), 0o600); err != nil {
			return err
		}
		text = strings.TrimSpace(f.get(strings.TrimPrefix(file, f.root)) + "\n" + text)
	case "cgroup.subtree_control":
		_, err := os.Stat(filepath.Join(dir, "cgroup.type"))
		procs, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if err == nil && len(procs) > 0 {
			return &os.PathError{Op: "write", Path: file, Err: unix.EBUSY}
		}
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

func (f *fake) wantWrites(want ...string) {
	f.t.Helper()
	if fmt.Sprintf("%q", f.writes) != fmt.Sprintf("%q", want) {
		f.t.Errorf("wrote\n%q, want\n%q", f.writes, want)
	}
	f.writes = nil
}
