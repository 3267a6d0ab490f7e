package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// maxSort is how much sort keeps in memory, in bytes.
const maxSort = 256 << 20

func sortLines(c *call) int {
	f := c.flags("[-n] [-r] [-u] [FILE...]")
	numeric := f.Bool("n", false, "by the number that the line begins with")
	reverse := f.Bool("r", false, "the other way round")
	unique := f.Bool("u", false, "equal lines once")
	if !c.parse(f) {
		return 2
	}
	var lines []string
	size := 0
	status := c.each(f.Args(), func(_ string, r io.Reader) error {
		return eachLine(r, func(line []byte) error {
			if size += len(line) + 16; size > maxSort {
				return fmt.Errorf("more than %d bytes to sort", maxSort)
			}
			lines = append(lines, string(line))
			return nil
		})
	})
	compare := func(a, b string) int {
		if *numeric {
			if d := cmp.Compare(leadingNumber(a), leadingNumber(b)); d != 0 {
				return d
			}
			if *unique {
				return 0
			}
		}
		return strings.Compare(a, b)
	}
	slices.SortStableFunc(lines, compare)
	if *unique {
		lines = slices.CompactFunc(lines, func(a, b string) bool { return compare(a, b) == 0 })
	}
	if *reverse {
		slices.Reverse(lines)
	}
	w := bufio.NewWriter(c.out)
	for _, line := range lines {
		w.WriteString(line)
		w.WriteByte('\n')
	}
	if err := w.Flush(); err != nil {
		return c.fail(plain(err))
	}
	return status
}

// leadingNumber is the number that a line begins with, or 0.
func leadingNumber(s string) float64 {
	s = strings.TrimLeft(s, " \t")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' || end == 0 && s[end] == '-') {
		end++
	}
	n, err := strconv.ParseFloat(s[:end], 64)
	if err != nil {
		return 0
	}
	return n
}

func uniq(c *call) int {
	f := c.flags("[-c] [-d] [-u] [FILE]")
	count := f.Bool("c", false, "say how often each comes")
	repeated := f.Bool("d", false, "only those that come more than once")
	single := f.Bool("u", false, "only those that come once")
	if !c.parse(f) {
		return 2
	}
	if f.NArg() > 1 {
		return c.usage("[-c] [-d] [-u] [FILE]")
	}
	w := bufio.NewWriter(c.out)
	status := c.each(f.Args(), func(_ string, r io.Reader) error {
		var last []byte
		n := 0
		flush := func() {
			if n == 0 || *repeated && n == 1 || *single && n > 1 {
				return
			}
			if *count {
				fmt.Fprintf(w, "%7d ", n)
			}
			w.Write(last)
			w.WriteByte('\n')
		}
		err := eachLine(r, func(line []byte) error {
			if n > 0 && bytes.Equal(line, last) {
				n++
				return nil
			}
			flush()
			last, n = bytes.Clone(line), 1
			return nil
		})
		flush()
		return err
	})
	if err := w.Flush(); err != nil {
		return c.fail(plain(err))
	}
	return status
}
