package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// levels are the kernel's, by number.
var levels = []string{"emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"}

// maxRecord is the longest record of /dev/kmsg, in bytes (the kernel's
// CONSOLE_EXT_LOG_MAX is 8,192).
const maxRecord = 16 << 10

func dmesg(c *call) int {
	const usage = "[--level LEVEL,...] [-r]"
	f := c.flags(usage)
	list := f.String("level", "", "only these `levels`: "+strings.Join(levels, " "))
	f.StringVar(list, "l", "", "the same")
	raw := f.Bool("r", false, "with <level>")
	if !c.parse(f) {
		return 2
	}
	if f.NArg() > 0 {
		return c.usage(usage)
	}
	var only []int
	if *list != "" {
		for name := range strings.SplitSeq(*list, ",") {
			level := slices.Index(levels, strings.TrimSuffix(name, "ing"))
			if level < 0 {
				return c.failf("level %q: there are %s", name, strings.Join(levels, " "))
			}
			only = append(only, level)
		}
	}
	w := bufio.NewWriter(c.out)
	err := kernelLog(func(level int, time, text string) {
		if only != nil && !slices.Contains(only, level) {
			return
		}
		if *raw {
			fmt.Fprintf(w, "<%d>", level)
		}
		fmt.Fprintf(w, "[%s] %s\n", time, text)
	})
	if err := errors.Join(err, w.Flush()); err != nil {
		return c.fail(plain(err))
	}
	return 0
}

// kernelLog calls f with each record of the kernel's log: one read of
// /dev/kmsg gives one record (Documentation/ABI/testing/dev-kmsg).
func kernelLog(f func(level int, time, text string)) error {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/kmsg", Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, maxRecord)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR):
			continue // overtaken by new records: the next read goes on at the oldest
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return &os.PathError{Op: "read", Path: "/dev/kmsg", Err: err}
		case n <= 0:
			return io.ErrUnexpectedEOF
		}
		if level, time, text, ok := parseRecord(string(buf[:n])); ok {
			f(level, time, text)
		}
	}
}

// parseRecord reads "priority,sequence,microseconds,flags;text". Continuation
// lines with further values follow the text.
func parseRecord(record string) (level int, time, text string, ok bool) {
	head, text, ok := strings.Cut(record, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return 0, "", "", false
	}
	priority, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil {
		return 0, "", "", false
	}
	us, err := strconv.ParseUint(fields[2], 10, 64)
	if err != nil {
		return 0, "", "", false
	}
	text, _, _ = strings.Cut(text, "\n")
	return int(priority & 7), fmt.Sprintf("%5d.%06d", us/1e6, us%1e6), text, true
}
