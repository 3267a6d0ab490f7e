package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
)

// errEnough ends the reading of a file that has been decided on.
var errEnough = errors.New("enough")

// grep's patterns are those of package regexp, which are the extended ones of
// POSIX and more.
func grep(c *call) int {
	const usage = "[-c] [-E] [-F] [-i] [-l] [-n] [-q] [-v] PATTERN [FILE...]"
	f := c.flags(usage)
	count := f.Bool("c", false, "only say how many lines there are")
	f.Bool("E", true, "extended patterns, as always")
	fixed := f.Bool("F", false, "the pattern is text")
	fold := f.Bool("i", false, "capital and small letters are the same")
	list := f.Bool("l", false, "only the names of the files")
	number := f.Bool("n", false, "with line numbers")
	quiet := f.Bool("q", false, "only the exit status")
	invert := f.Bool("v", false, "the lines that do not match")
	pattern := f.String("e", "", "`pattern`")
	if !c.parse(f) {
		return 2
	}
	args := f.Args()
	if *pattern == "" {
		if len(args) == 0 {
			return c.usage(usage)
		}
		*pattern, args = args[0], args[1:]
	}
	if *fixed {
		*pattern = regexp.QuoteMeta(*pattern)
	}
	if *fold {
		*pattern = "(?i)" + *pattern
	}
	re, err := regexp.Compile(*pattern)
	if err != nil {
		c.fail(err)
		return 2
	}
	any := false
	status := c.each(args, func(name string, r io.Reader) error {
		prefix := ""
		if len(args) > 1 {
			prefix = name + ":"
		}
		lineNumber, matches := 0, 0
		err := eachLine(r, func(line []byte) error {
			lineNumber++
			if re.Match(line) == *invert {
				return nil
			}
			any = true
			matches++
			switch {
			case *quiet:
				return errEnough
			case *list:
				fmt.Fprintln(c.out, name)
				return errEnough
			case *count:
				return nil
			}
			var err error
			if *number {
				_, err = fmt.Fprintf(c.out, "%s%d:%s\n", prefix, lineNumber, line)
			} else {
				_, err = fmt.Fprintf(c.out, "%s%s\n", prefix, line)
			}
			return err
		})
		if *count && !*quiet && !*list {
			fmt.Fprintf(c.out, "%s%d\n", prefix, matches)
		}
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	switch {
	case status != 0 && !(*quiet && any):
		return 2
	case !any:
		return 1
	}
	return 0
}
