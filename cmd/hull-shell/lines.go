package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

func head(c *call) int {
	f := c.flags("[-n LINES | -c BYTES] [FILE...]")
	lines := f.Int("n", 10, "`lines` to show")
	count := f.Int64("c", -1, "`bytes` to show")
	if !c.parse(f) {
		return 2
	}
	return c.each(f.Args(), func(_ string, r io.Reader) error {
		if *count >= 0 {
			_, err := io.CopyN(c.out, r, *count)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		b := bufio.NewReader(r)
		for n := 0; n < *lines; {
			piece, err := b.ReadSlice('\n')
			if _, werr := c.out.Write(piece); werr != nil {
				return werr
			}
			switch {
			case err == nil:
				n++
			case errors.Is(err, io.EOF):
				return nil
			case !errors.Is(err, bufio.ErrBufferFull):
				return err
			}
		}
		return nil
	})
}

// maxTail is how much of a file's end tail keeps, in bytes.
const maxTail = 64 << 20

func tail(c *call) int {
	f := c.flags("[-n LINES] [FILE...]")
	lines := f.Int("n", 10, "`lines` to show")
	if !c.parse(f) {
		return 2
	}
	return c.each(f.Args(), func(_ string, r io.Reader) error {
		var last [][]byte
		size := 0
		b := bufio.NewReader(r)
		for {
			line, err := readLine(b)
			if len(line) > 0 {
				last = append(last, line)
				size += len(line)
			}
			for len(last) > max(*lines, 0) || size > maxTail {
				size -= len(last[0])
				last = last[1:]
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		_, err := c.out.Write(bytes.Join(last, nil))
		return err
	})
}

// maxLine is the longest line that the commands that keep lines take, in bytes.
const maxLine = 16 << 20

// readLine reads a line with its end. io.EOF may come with the last one.
func readLine(b *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		piece, err := b.ReadSlice('\n')
		line = append(line, piece...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}

// eachLine calls f with every line, without its end.
func eachLine(r io.Reader, f func(line []byte) error) error {
	b := bufio.NewReader(r)
	for {
		line, err := readLine(b)
		if len(line) > 0 {
			if err := f(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func wc(c *call) int {
	f := c.flags("[-l] [-w] [-c] [-m] [FILE...]")
	var show [4]bool
	for i, option := range []struct{ name, text string }{{"l", "lines"}, {"w", "words"}, {"m", "characters"}, {"c", "bytes"}} {
		f.BoolVar(&show[i], option.name, false, "count "+option.text)
	}
	if !c.parse(f) {
		return 2
	}
	if show == [4]bool{} {
		show = [4]bool{true, true, false, true}
	}
	print := func(name string, n [4]int64) {
		sep := ""
		for i, v := range n {
			if show[i] {
				fmt.Fprintf(c.out, "%s%d", sep, v)
				sep = " "
			}
		}
		if name != "-" {
			fmt.Fprintf(c.out, " %s", name)
		}
		fmt.Fprintln(c.out)
	}
	var total [4]int64
	status := c.each(f.Args(), func(name string, r io.Reader) error {
		n, err := countText(r)
		if err != nil {
			return err
		}
		for i := range n {
			total[i] += n[i]
		}
		print(name, n)
		return nil
	})
	if f.NArg() > 1 {
		print("total", total)
	}
	return status
}

// countText counts lines, words, characters and bytes.
func countText(r io.Reader) (n [4]int64, err error) {
	b := bufio.NewReader(r)
	within := false
	for {
		ch, err := b.ReadByte()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		space := ch == ' ' || ch >= '\t' && ch <= '\r'
		if ch == '\n' {
			n[0]++
		}
		if !space && !within {
			n[1]++
		}
		within = !space
		if utf8.RuneStart(ch) {
			n[2]++
		}
		n[3]++
	}
}
