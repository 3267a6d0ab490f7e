package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// lsJob is one run of ls.
type lsJob struct {
	all, long, itself, human, recurse, inode bool
	byTime, bySize, reverse                  bool
	columns                                  int // of the terminal; 0 gives one name a line
	w                                        *bufio.Writer
	status                                   int
	call                                     *call
}

type lsEntry struct {
	name string // as shown
	path string
	info fs.FileInfo
}

func ls(c *call) int {
	job := &lsJob{call: c, w: bufio.NewWriter(c.out)}
	f := c.flags("[-a] [-d] [-h] [-i] [-l] [-R] [-r] [-S] [-t] [-1] [FILE...]")
	f.BoolVar(&job.all, "a", false, "also names that begin with a dot")
	f.BoolVar(&job.all, "A", false, "the same")
	f.BoolVar(&job.itself, "d", false, "directories themselves")
	f.BoolVar(&job.human, "h", false, "sizes in KiB, MiB and so on")
	f.BoolVar(&job.inode, "i", false, "with inode numbers")
	f.BoolVar(&job.long, "l", false, "with everything")
	f.BoolVar(&job.recurse, "R", false, "and what is below")
	f.BoolVar(&job.reverse, "r", false, "the other way round")
	f.BoolVar(&job.bySize, "S", false, "the largest first")
	f.BoolVar(&job.byTime, "t", false, "the newest first")
	one := f.Bool("1", false, "one name a line")
	if !c.parse(f) {
		return 2
	}
	if file, ok := c.out.(*os.File); ok && !*one && !job.long {
		if ws, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err == nil {
			if job.columns = int(ws.Col); job.columns == 0 {
				job.columns = usualColumns
			}
		}
	}
	names := f.Args()
	if len(names) == 0 {
		names = []string{"."}
	}
	job.list(names)
	if err := job.w.Flush(); err != nil {
		return c.fail(plain(err))
	}
	return job.status
}

// list shows what is named: files first, then what is in directories.
func (job *lsJob) list(names []string) {
	var files, dirs []lsEntry
	for _, name := range names {
		info, err := os.Lstat(name)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !job.long {
			if there, err := os.Stat(name); err == nil {
				info = there
			}
		}
		switch e := (lsEntry{name, name, info}); {
		case err != nil:
			job.status = job.call.fail(plain(err))
		case info.IsDir() && !job.itself:
			dirs = append(dirs, e)
		default:
			files = append(files, e)
		}
	}
	job.show(files)
	for i, dir := range dirs {
		if len(names) > 1 || job.recurse {
			if i > 0 || len(files) > 0 {
				fmt.Fprintln(job.w)
			}
			fmt.Fprintf(job.w, "%s:\n", dir.path)
		}
		job.directory(dir.path)
	}
}

func (job *lsJob) directory(dir string) {
	found, err := os.ReadDir(dir)
	if err != nil {
		job.status = job.call.fail(plain(err)) // what was read is shown
	}
	var entries []lsEntry
	for _, e := range found {
		if !job.all && e.Name()[0] == '.' {
			continue
		}
		if info, err := e.Info(); err == nil { // or it is gone by now
			entries = append(entries, lsEntry{e.Name(), filepath.Join(dir, e.Name()), info})
		}
	}
	job.show(entries)
	if !job.recurse {
		return
	}
	for _, e := range entries {
		if e.info.IsDir() {
			fmt.Fprintf(job.w, "\n%s:\n", e.path)
			job.directory(e.path)
		}
	}
}

func (job *lsJob) show(entries []lsEntry) {
	slices.SortFunc(entries, func(a, b lsEntry) int {
		order := 0
		if job.bySize {
			order = cmp.Compare(b.info.Size(), a.info.Size())
		} else if job.byTime {
			order = b.info.ModTime().Compare(a.info.ModTime())
		}
		if order == 0 {
			order = strings.Compare(a.name, b.name)
		}
		if job.reverse {
			order = -order
		}
		return order
	})
	lines := make([]string, len(entries))
	for i, e := range entries {
		lines[i] = job.describe(e)
	}
	if job.columns > 0 {
		inColumns(job.w, lines, job.columns)
		return
	}
	for _, line := range lines {
		fmt.Fprintln(job.w, line)
	}
}

func (job *lsJob) describe(e lsEntry) string {
	st, _ := e.info.Sys().(*syscall.Stat_t)
	if st == nil {
		st = new(syscall.Stat_t)
	}
	prefix := ""
	if job.inode {
		prefix = fmt.Sprintf("%d ", st.Ino)
	}
	if !job.long {
		return prefix + e.name
	}
	size := fmt.Sprint(e.info.Size())
	switch {
	case e.info.Mode()&fs.ModeDevice != 0:
		size = fmt.Sprintf("%d, %d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	case job.human:
		size = humanSize(e.info.Size())
	}
	line := fmt.Sprintf("%s%s %3d %4d %4d %10s %s %s", prefix, modeLetters(st.Mode), st.Nlink, st.Uid, st.Gid,
		size, e.info.ModTime().Format("2006-01-02 15:04"), e.name)
	if e.info.Mode()&fs.ModeSymlink != 0 {
		if target, err := os.Readlink(e.path); err == nil {
			line += " -> " + target
		}
	}
	return line
}

// modeLetters is a mode of inode(7) as ls has it.
func modeLetters(mode uint32) string {
	kinds := map[uint32]byte{
		unix.S_IFREG: '-', unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c',
		unix.S_IFBLK: 'b', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's',
	}
	b := []byte("?rwxrwxrwx")
	if kind, ok := kinds[mode&unix.S_IFMT]; ok {
		b[0] = kind
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			b[1+i] = '-'
		}
	}
	for _, special := range []struct {
		bit   uint32
		at    int
		small byte
	}{{unix.S_ISUID, 3, 's'}, {unix.S_ISGID, 6, 's'}, {unix.S_ISVTX, 9, 't'}} {
		if mode&special.bit == 0 {
			continue
		}
		if b[special.at] == 'x' {
			b[special.at] = special.small
		} else {
			b[special.at] = special.small - 'a' + 'A'
		}
	}
	return string(b)
}

// humanSize is a size with at most one digit behind the point.
func humanSize(n int64) string {
	if n < 1024 {
		return fmt.Sprint(n)
	}
	v, unit := float64(n), -1
	for v >= 1024 && unit < 5 {
		v /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f%c", v, "KMGTPE"[unit])
}

// inColumns prints names down the columns of a terminal.
func inColumns(w *bufio.Writer, names []string, width int) {
	longest := 1
	for _, name := range names {
		longest = max(longest, len([]rune(name)))
	}
	columns := max(1, width/(longest+2))
	rows := (len(names) + columns - 1) / columns
	for row := range rows {
		for i := row; i < len(names); i += rows {
			if i+rows < len(names) {
				fmt.Fprintf(w, "%-*s", longest+2, names[i])
			} else {
				fmt.Fprint(w, names[i])
			}
		}
		fmt.Fprintln(w)
	}
}
