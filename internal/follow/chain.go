package follow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxFiles bounds the files of one log that are opened.
const maxFiles = 1000

// file is one file of a log, open. The open descriptor keeps its inode number
// from being given to another.
type file struct {
	f    *os.File
	path string // when it was opened
	ino  inode
}

type inode struct{ dev, ino uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{uint64(st.Dev), st.Ino} }

// member is a name of a log and what bears it.
type member struct {
	name string
	ino  inode
}

// openChain opens the files of a log, the oldest first. Where they are renamed
// meanwhile it begins again, so that none is missing or there twice.
func openChain(ctx context.Context, path string) ([]*file, error) {
	for {
		files, ok, err := tryChain(path)
		if err != nil || ok {
			return files, err
		}
		closeAll(files)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

func tryChain(path string) (files []*file, ok bool, err error) {
	dir := filepath.Dir(path)
	before, err := members(path)
	if err != nil {
		return nil, false, err
	}
	for _, m := range before {
		f, err := openFile(filepath.Join(dir, m.name))
		if errors.Is(err, os.ErrNotExist) {
			return files, false, nil
		}
		if err != nil {
			closeAll(files)
			return nil, false, err
		}
		files = append(files, f)
		if f.ino != m.ino {
			return files, false, nil
		}
	}
	after, err := members(path)
	if err != nil {
		closeAll(files)
		return nil, false, err
	}
	return files, slices.Equal(before, after), nil
}

// members are the names of a log, the oldest first.
func members(path string) ([]member, error) {
	dir, base := filepath.Split(path)
	d, err := os.Open(filepath.Clean(dir + "."))
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", path, err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("log %q: list its directory: %w", path, err)
	}
	var numbers []int
	for _, name := range names {
		if n, ok := numberIn(base, name); ok {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) > maxFiles {
		return nil, fmt.Errorf("log %q: %d files, of which at most %d are read", path, len(numbers), maxFiles)
	}
	slices.Sort(numbers)
	slices.Reverse(numbers)
	var list []member
	for _, n := range numbers {
		name := Rotated(base, n)
		var st unix.Stat_t
		err := unix.Fstatat(int(d.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("log %q: stat %q: %w", path, name, err)
		}
		list = append(list, member{name, inodeOf(&st)})
	}
	return list, nil
}

// Rotated is the name that a log has after n rotations.
func Rotated(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

// numberIn is n where name is Rotated(base, n).
func numberIn(base, name string) (int, bool) {
	rest, ok := strings.CutPrefix(name, base)
	if !ok {
		return 0, false
	}
	if rest == "" {
		return 0, true
	}
	n, err := strconv.Atoi(strings.TrimPrefix(rest, "."))
	return n, err == nil && n > 0 && rest == "."+strconv.Itoa(n)
}

// openFile opens a file for reading. A FIFO or a link in its place does not hold
// the reader up.
func openFile(path string) (*file, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("log %q: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, fmt.Errorf("log %q: stat: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return nil, fmt.Errorf("log %q: not a regular file", path)
	}
	return &file{f: f, path: path, ino: inodeOf(&st)}, nil
}

func (f *file) size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, fmt.Errorf("log %q: stat: %w", f.path, err)
	}
	return info.Size(), nil
}

func closeAll(files []*file) {
	for _, f := range files {
		_ = f.f.Close() // nothing was written through it
	}
}
