package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func ln(c *call) int {
	f := c.flags("[-s] [-f] TARGET... LINK")
	symbolic := f.Bool("s", false, "symbolic links")
	force := f.Bool("f", false, "replace what is there")
	if !c.parse(f) {
		return 2
	}
	args := f.Args()
	if len(args) == 0 {
		return c.usage("[-s] [-f] TARGET... LINK")
	}
	targets, link := args[:len(args)-1], args[len(args)-1]
	if len(args) == 1 {
		targets, link = args, "."
	}
	info, err := os.Stat(link)
	into := err == nil && info.IsDir()
	if len(targets) > 1 && !into {
		return c.failf("%s: not a directory", link)
	}
	status := 0
	for _, target := range targets {
		name := link
		if into {
			name = filepath.Join(link, filepath.Base(target))
		}
		if err := makeLink(target, name, *symbolic, *force); err != nil {
			status = c.fail(err)
		}
	}
	return status
}

func makeLink(target, name string, symbolic, force bool) error {
	if force {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return plain(err)
		}
	}
	if symbolic {
		return os.Symlink(target, name)
	}
	return os.Link(target, name)
}

func rmdir(c *call) int {
	f := c.flags("[-p] DIRECTORY...")
	parents := f.Bool("p", false, "and the directories above, as far as they are named")
	if !c.parse(f) {
		return 2
	}
	if f.NArg() == 0 {
		return c.usage("[-p] DIRECTORY...")
	}
	status := 0
	for _, dir := range f.Args() {
		for {
			if err := unix.Rmdir(dir); err != nil {
				status = c.failf("%s: %w", dir, err)
				break
			}
			if dir = filepath.Dir(dir); !*parents || dir == "." || dir == "/" {
				break
			}
		}
	}
	return status
}

func syncFiles(*call) int {
	unix.Sync()
	return 0
}

func tee(c *call) int {
	f := c.flags("[-a] [FILE...]")
	appending := f.Bool("a", false, "append")
	if !c.parse(f) {
		return 2
	}
	mode := os.O_TRUNC
	if *appending {
		mode = os.O_APPEND
	}
	status := 0
	writers := []io.Writer{c.out}
	for _, name := range f.Args() {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|mode, 0o666)
		if err != nil {
			status = c.fail(plain(err))
			continue
		}
		defer file.Close()
		writers = append(writers, file)
	}
	if _, err := io.Copy(io.MultiWriter(writers...), c.in); err != nil {
		return c.fail(plain(err))
	}
	return status
}
