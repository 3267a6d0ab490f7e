package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// files is the kernel's side: tests have another.
type files interface {
	mkdir(dir string) error
	write(file, text string) error
	writable(dir string) error
}

// kernel is a mounted cgroupfs.
type kernel struct{}

func (kernel) mkdir(dir string) error { return os.Mkdir(dir, 0o755) }

// write writes a whole value with one write(2) to a file that is there.
func (kernel) write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (kernel) writable(dir string) error {
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}

// maxFile bounds a file of a group that is read, in bytes.
const maxFile = 1 << 20

func read(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	buf := make([]byte, 4096)
	for b.Len() < maxFile {
		n, err := f.Read(buf)
		b.Write(buf[:n])
		if n == 0 || err != nil { // an error at the end is EOF; else what there is, is used
			break
		}
	}
	return b.String(), nil
}

// subtree are a directory and those below it, each after what is in it.
func subtree(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		below, err := subtree(filepath.Join(dir, e.Name()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		list = append(list, below...)
	}
	return append(list, dir), nil
}

// processes are those of some groups and of all below them, each once.
func processes(dirs []string) ([]int, error) {
	var pids []int
	for _, dir := range dirs {
		groups, err := subtree(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			text, err := read(filepath.Join(g, "cgroup.procs"))
			if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
				return nil, err
			}
			pids = append(pids, parsePIDs(text)...)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// parsePIDs reads cgroup.procs. A process of another namespace is 0 there.
func parsePIDs(text string) []int {
	var pids []int
	for _, f := range strings.Fields(text) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}
