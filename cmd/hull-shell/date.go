package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func date(c *call) int {
	f := c.flags("[-u] [-s SECONDS | -s TIME] [+FORMAT]")
	utc := f.Bool("u", false, "in UTC")
	set := f.String("s", "", "set the clock: `time` as @SECONDS since 1970 or like 2006-01-02T15:04:05Z")
	if !c.parse(f) {
		return 2
	}
	if *set != "" {
		t, err := parseTime(*set)
		if err != nil {
			return c.fail(err)
		}
		tv := unix.NsecToTimeval(t.UnixNano())
		if err := unix.Settimeofday(&tv); err != nil {
			return c.failf("set the clock: %w", err)
		}
	}
	now := time.Now()
	if *utc {
		now = now.UTC()
	}
	switch {
	case f.NArg() == 0:
		fmt.Fprintln(c.out, now.Format("Mon Jan _2 15:04:05 MST 2006"))
	case f.NArg() == 1 && strings.HasPrefix(f.Arg(0), "+"):
		fmt.Fprintln(c.out, formatTime(now, f.Arg(0)[1:]))
	default:
		return c.usage("[-u] [-s TIME] [+FORMAT]")
	}
	return 0
}

func parseTime(s string) (time.Time, error) {
	if seconds, ok := strings.CutPrefix(s, "@"); ok {
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is no number of seconds", seconds)
		}
		return time.Unix(n, 0), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is no time like 2006-01-02T15:04:05Z", s)
	}
	return t, nil
}

// verbs are those of strftime(3) that Go's layouts have.
var verbs = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06",
	'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'Z': "MST", 'z': "-0700",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'e': "_2", 'j': "002",
	'I': "03", 'p': "PM", 'D': "01/02/06", 'c': "Mon Jan _2 15:04:05 2006",
}

// formatTime formats as strftime(3) does. An unknown verb stays as it is.
func formatTime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch v := format[i]; v {
		case '%':
			b.WriteByte('%')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 's':
			fmt.Fprint(&b, t.Unix())
		case 'N':
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
		default:
			if layout, ok := verbs[v]; ok {
				b.WriteString(t.Format(layout))
			} else {
				b.WriteByte('%')
				b.WriteByte(v)
			}
		}
	}
	return b.String()
}
