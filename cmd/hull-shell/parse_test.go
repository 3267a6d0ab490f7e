package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCountCPUs(t *testing.T) {
	for list, want := range map[string]int{"0": 1, "0-3": 4, "0-1,4,6-7": 5, "": 0, "x": 0, "3-1": 0, "0-99999999999": 0} {
		if got := countCPUs(list); got != want {
			t.Errorf("%q: %d, want %d", list, got, want)
		}
	}
}

func TestParseRecord(t *testing.T) {
	level, when, text, ok := parseRecord("12,339,5140900,-;NET: text; more\n SUBSYSTEM=acpi\n")
	if !ok || level != 4 || when != "    5.140900" || text != "NET: text; more" {
		t.Errorf("level %d, time %q, text %q, %v", level, when, text, ok)
	}
	for _, bad := range []string{"", "6,1,2", "x,1,2;t", "6,1,x;t", "6;t"} {
		if _, _, _, ok := parseRecord(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestParseStatTakesAnyName(t *testing.T) {
	rest := " S 7 1 1 0 -1 0 0 0 0 0 50 25 0 0 20 0 1 0 1 1000 3 0"
	p, ok := parseStat("12 (a) (b c)" + rest)
	if !ok || p.parent != "7" || p.state != "S" || p.command != "[a) (b c]" || p.time != 750*time.Millisecond {
		t.Errorf("%+v, %v", p, ok)
	}
	for _, bad := range []string{"", "1", "1 (a", ")(", "1 (a) S 1"} {
		if _, ok := parseStat(bad); ok {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestFormatTime(t *testing.T) {
	when := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	for format, want := range map[string]string{
		"%F %T":     "2026-02-03 04:05:06",
		"%s.%N":     "1770091506.000000007",
		"100%% %q%": "100% %q%",
		"%e%n%t":    " 3\n\t",
	} {
		if got := formatTime(when, format); got != want {
			t.Errorf("%q: %q, want %q", format, got, want)
		}
	}
}

func TestModeLetters(t *testing.T) {
	for mode, want := range map[uint32]string{
		unix.S_IFREG | 0o644:                "-rw-r--r--",
		unix.S_IFDIR | unix.S_ISVTX | 0o777: "drwxrwxrwt",
		unix.S_IFREG | unix.S_ISUID | 0o644: "-rwSr--r--",
		unix.S_IFBLK | unix.S_ISGID | 0o750: "brwxr-s---",
		0:                                   "?---------",
	} {
		if got := modeLetters(mode); got != want {
			t.Errorf("%o: %s, want %s", mode, got, want)
		}
	}
}

func TestParseMountOptions(t *testing.T) {
	flags, data := parseMountOptions("ro,size=1m,noatime,mode=700,")
	if flags != unix.MS_RDONLY|unix.MS_NOATIME || data != "size=1m,mode=700" {
		t.Errorf("%#x, %q", flags, data)
	}
}

func FuzzKernelText(f *testing.F) {
	f.Add("12,339,5140900,-;NET: text")
	f.Add("12 (a) (b c) S 7 1 1 0 -1 0 0 0 0 0 50 25 0 0 20 0 1 0 1 1000 3 0")
	f.Add("0-1,4")
	f.Add(`a\040b\999\1`)
	f.Add(`\x41\0102\q`)
	f.Add("ro,size=1m")
	f.Fuzz(func(t *testing.T, s string) {
		parseRecord(s)
		parseStat(s)
		if n := countCPUs(s); n < 0 {
			t.Errorf("%d processors", n)
		}
		if len(unescapeMount(s)) > len(s) || len(unescapeEcho(s)) > len(s) {
			t.Error("it grew")
		}
		parseMountOptions(s)
		formatTime(time.Unix(0, 0), s)
		leadingNumber(s)
		setMode(new(unix.Termios), s)
	})
}

func FuzzOptions(f *testing.F) {
	f.Add("-n 5 file")
	f.Add("-vq -- -x")
	f.Add("-n5 -5 --n=3 -- --")
	f.Fuzz(func(t *testing.T, line string) {
		c := &call{name: "x", args: strings.Split(line, " "), err: io.Discard}
		set := c.flags("")
		set.Int("n", 10, "")
		set.Bool("v", false, "")
		set.Bool("q", false, "")
		if c.parse(set) && set.NArg() > len(c.args) {
			t.Errorf("%q left %q", c.args, set.Args())
		}
	})
}

func FuzzDD(f *testing.F) {
	f.Add("bs=4k count=2 skip=1")
	f.Add("bs=1 seek=9223372036854775807 conv=notrunc,fsync")
	f.Fuzz(func(t *testing.T, line string) {
		job, err := parseDD(strings.Fields(line))
		if err == nil && (job.block < 1 || job.block > maxBlock || job.skip < 0 || job.seek < 0 || job.count < 0) {
			t.Errorf("%q gave %+v", line, job)
		}
	})
}
