package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// call is one run of a command.
type call struct {
	name string
	args []string // without the name
	in   io.Reader
	out  io.Writer
	err  io.Writer
}

// command is what a name stands for; it returns the exit status.
type command func(*call) int

// fail says what went wrong and returns the status 1.
func (c *call) fail(err error) int {
	fmt.Fprintf(c.err, "%s: %v\n", c.name, err)
	return 1
}

// failf is fail with a text.
func (c *call) failf(format string, args ...any) int {
	return c.fail(fmt.Errorf(format, args...))
}

// usage says how the command is called and returns the status 2.
func (c *call) usage(text string) int {
	fmt.Fprintf(c.err, "usage: %s %s\n", c.name, text)
	return 2
}

// flags returns a set of options that complains to the command's standard
// error.
func (c *call) flags(usage string) *flag.FlagSet {
	f := flag.NewFlagSet(c.name, flag.ContinueOnError)
	f.SetOutput(c.err)
	f.Usage = func() {
		c.usage(usage)
		f.PrintDefaults()
	}
	return f
}

// parse splits joined one-letter options ("-am" is "-a -m") unless they name
// an option as they are, takes "-5" for "-n 5" where there is an -n, and parses.
func (c *call) parse(f *flag.FlagSet) bool {
	var args []string
	for i, arg := range c.args {
		if arg == "--" || arg == "-" || !strings.HasPrefix(arg, "-") {
			args = append(args, c.args[i:]...)
			break
		}
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if f.Lookup(name) != nil || strings.HasPrefix(arg, "--") {
			args = append(args, arg)
			if takesValue(f, name) && !strings.Contains(arg, "=") {
				args = append(args, c.args[i+1:]...) // the rest begins with its value
				return c.parseRest(f, args, i+2)
			}
			continue
		}
		if _, err := strconv.Atoi(name); err == nil && f.Lookup("n") != nil {
			args = append(args, "-n", name)
			continue
		}
		args = append(args, split(f, name)...)
	}
	return f.Parse(args) == nil
}

// parseRest parses options of which the first has its value as an argument of
// its own; those behind it are c.args from next on.
func (c *call) parseRest(f *flag.FlagSet, args []string, next int) bool {
	if next > len(c.args) {
		return f.Parse(args) == nil
	}
	head := args[:len(args)-(len(c.args)-next)]
	if f.Parse(head) != nil {
		return false
	}
	rest := *c
	rest.args = c.args[next:]
	return rest.parse(f)
}

func takesValue(f *flag.FlagSet, name string) bool {
	option := f.Lookup(name)
	if option == nil {
		return false
	}
	b, ok := option.Value.(interface{ IsBoolFlag() bool })
	return !ok || !b.IsBoolFlag()
}

// split makes "-am" into "-a", "-m" and "-n5" into "-n", "5".
func split(f *flag.FlagSet, letters string) []string {
	var out []string
	for i := range len(letters) {
		letter := letters[i : i+1]
		out = append(out, "-"+letter)
		if takesValue(f, letter) && i+1 < len(letters) {
			return append(out, letters[i+1:])
		}
	}
	return out
}

// each calls f with every file named, or with standard input where there is
// none or the name is "-". It returns the worst status.
func (c *call) each(names []string, f func(name string, r io.Reader) error) int {
	if len(names) == 0 {
		names = []string{"-"}
	}
	status := 0
	for _, name := range names {
		if err := c.one(name, f); err != nil {
			status = c.fail(err)
		}
	}
	return status
}

func (c *call) one(name string, f func(name string, r io.Reader) error) error {
	if name == "-" {
		return f(name, c.in)
	}
	file, err := os.Open(name)
	if err != nil {
		return plain(err)
	}
	defer file.Close()
	return plain(f(name, file))
}

// plain words an error of package os as name and cause.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// readSmall reads a file of /proc or /sys, without the space around it. A file
// that cannot be read is empty.
func readSmall(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
