package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// hexdump shows bytes as "hexdump -C" does.
func hexdump(c *call) int {
	f := c.flags("[-C] [-n BYTES] [-s OFFSET] [FILE...]")
	f.Bool("C", true, "bytes and characters, as always")
	most := f.Int64("n", -1, "`bytes` to show")
	skip := f.Int64("s", 0, "`bytes` to skip")
	if !c.parse(f) {
		return 2
	}
	w := bufio.NewWriter(c.out)
	status := c.each(f.Args(), func(_ string, r io.Reader) error {
		if _, err := io.CopyN(io.Discard, r, *skip); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if *most >= 0 {
			r = io.LimitReader(r, *most)
		}
		return dump(w, r, *skip)
	})
	if err := w.Flush(); err != nil {
		return c.fail(plain(err))
	}
	return status
}

func dump(w io.Writer, r io.Reader, offset int64) error {
	var row, last [16]byte
	repeats := 0
	for first := true; ; first = false {
		n, err := io.ReadFull(r, row[:])
		if n == len(row) && !first && row == last {
			if repeats++; repeats == 1 {
				fmt.Fprintln(w, "*")
			}
		} else if n > 0 {
			repeats, last = 0, row
			if _, err := fmt.Fprintf(w, "%08x  %-49s |%s|\n", offset, hexColumns(row[:n]), printable(row[:n])); err != nil {
				return err
			}
		}
		offset += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if offset > 0 {
				fmt.Fprintf(w, "%08x\n", offset)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func hexColumns(row []byte) string {
	var b strings.Builder
	for i, v := range row {
		if i == 8 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%02x ", v)
	}
	return b.String()
}

func printable(row []byte) string {
	out := make([]byte, len(row))
	for i, v := range row {
		if out[i] = '.'; v >= ' ' && v < 0x7f {
			out[i] = v
		}
	}
	return string(out)
}
