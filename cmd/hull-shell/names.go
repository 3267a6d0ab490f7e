package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

func basename(c *call) int {
	if len(c.args) < 1 || len(c.args) > 2 {
		return c.usage("NAME [SUFFIX]")
	}
	name := path.Base(c.args[0])
	if len(c.args) == 2 && name != c.args[1] {
		name = strings.TrimSuffix(name, c.args[1])
	}
	fmt.Fprintln(c.out, name)
	return 0
}

func dirname(c *call) int {
	if len(c.args) == 0 {
		return c.usage("NAME...")
	}
	for _, name := range c.args {
		trimmed := strings.TrimRight(name, "/")
		if trimmed == "" && name != "" {
			trimmed = "/"
		}
		dir := path.Dir(trimmed)
		fmt.Fprintln(c.out, dir)
	}
	return 0
}

func pwd(c *call) int {
	dir, err := os.Getwd()
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.out, dir)
	return 0
}

func which(c *call) int {
	f := c.flags("[-a] NAME...")
	all := f.Bool("a", false, "all of them, not only the first")
	if !c.parse(f) {
		return 2
	}
	status := 0
	for _, name := range f.Args() {
		found := false
		for _, p := range candidates(name) {
			info, err := os.Stat(p)
			if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
				continue
			}
			fmt.Fprintln(c.out, p)
			found = true
			if !*all {
				break
			}
		}
		if !found {
			status = 1
		}
	}
	return status
}

// candidates are the paths that a command's name may stand for.
func candidates(name string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	var paths []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}
