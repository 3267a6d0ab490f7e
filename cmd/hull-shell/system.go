package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// countCPUs counts the processors of a list such as "0-2,5" (sysfs).
func countCPUs(list string) int {
	count := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, ranged := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		b := a
		if ranged {
			if b, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		if a >= 0 && b >= a && b < 1<<20 {
			count += b - a + 1
		}
	}
	return count
}

func nproc(c *call) int {
	n := 0
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err == nil {
		n = set.Count()
	}
	if len(c.args) > 0 && c.args[0] == "--all" || n == 0 {
		n = countCPUs(readSmall("/sys/devices/system/cpu/online"))
	}
	fmt.Fprintln(c.out, n)
	return 0
}

func uname(c *call) int {
	f := c.flags("[-a] [-s] [-n] [-r] [-v] [-m]")
	all := f.Bool("a", false, "all")
	letters := []string{"s", "n", "r", "v", "m"}
	show := make([]bool, len(letters))
	for i, text := range []string{"kernel", "host name", "release", "version", "machine"} {
		f.BoolVar(&show[i], letters[i], false, text)
	}
	if !c.parse(f) {
		return 2
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return c.fail(err)
	}
	fields := []string{
		unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Nodename[:]), unix.ByteSliceToString(u.Release[:]),
		unix.ByteSliceToString(u.Version[:]), unix.ByteSliceToString(u.Machine[:]),
	}
	any := *all
	for _, s := range show {
		any = any || s
	}
	show[0] = show[0] || !any
	var out []string
	for i, field := range fields {
		if show[i] || *all {
			out = append(out, field)
		}
	}
	fmt.Fprintln(c.out, strings.Join(out, " "))
	return 0
}

func uptime(c *call) int {
	up, _, _ := strings.Cut(readSmall("/proc/uptime"), " ")
	seconds, err := time.ParseDuration(up + "s")
	if err != nil {
		return c.failf("/proc/uptime: %w", err)
	}
	load := strings.Fields(readSmall("/proc/loadavg"))
	if len(load) < 3 {
		return c.failf("/proc/loadavg: not understood")
	}
	fmt.Fprintf(c.out, "up %v, load average: %s\n", seconds, strings.Join(load[:3], ", "))
	return 0
}

func free(c *call) int {
	fmt.Fprintf(c.out, "%-5s %12s %12s %12s %12s\n", "KiB", "total", "free", "available", "cached")
	fmt.Fprintf(c.out, "%-5s %12s %12s %12s %12s\n", "Mem:",
		memoryKiB("MemTotal"), memoryKiB("MemFree"), memoryKiB("MemAvailable"), memoryKiB("Cached"))
	fmt.Fprintf(c.out, "%-5s %12s %12s\n", "Swap:", memoryKiB("SwapTotal"), memoryKiB("SwapFree"))
	return 0
}

func hostname(c *call) int {
	if len(c.args) > 1 {
		return c.usage("[NAME]")
	}
	if len(c.args) == 1 {
		if err := unix.Sethostname([]byte(c.args[0])); err != nil {
			return c.failf("%q: %w", c.args[0], err)
		}
		return 0
	}
	name, err := os.Hostname()
	if err != nil {
		return c.fail(err)
	}
	fmt.Fprintln(c.out, name)
	return 0
}

func id(c *call) int {
	f := c.flags("[-u | -g]")
	user := f.Bool("u", false, "the user's number")
	group := f.Bool("g", false, "the group's number")
	if !c.parse(f) {
		return 2
	}
	uid, gid := os.Geteuid(), os.Getegid()
	switch {
	case *user:
		fmt.Fprintln(c.out, uid)
	case *group:
		fmt.Fprintln(c.out, gid)
	default:
		groups, err := os.Getgroups()
		if err != nil {
			return c.fail(err)
		}
		fmt.Fprintf(c.out, "uid=%d gid=%d groups=%s\n", uid, gid, strings.Trim(strings.ReplaceAll(fmt.Sprint(groups), " ", ","), "[]"))
	}
	return 0
}

func lsmod(c *call) int {
	b, err := os.ReadFile("/proc/modules")
	if errors.Is(err, os.ErrNotExist) {
		return 0 // a kernel without modules
	}
	if err != nil {
		return c.fail(plain(err))
	}
	fmt.Fprintf(c.out, "%-24s %10s %s\n", "Module", "Size", "Used by")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 4 {
			fmt.Fprintf(c.out, "%-24s %10s %s %s\n", f[0], f[1], f[2], strings.Trim(f[3], "-,"))
		}
	}
	return 0
}

// sleep takes numbers of seconds, with a unit or without; they add up.
func sleep(c *call) int {
	if len(c.args) == 0 {
		return c.usage("SECONDS... (or with a unit: 5s, 100ms, 2m, 1h)")
	}
	var total time.Duration
	for _, arg := range c.args {
		d, err := time.ParseDuration(arg)
		if err != nil {
			d, err = time.ParseDuration(arg + "s")
		}
		if err != nil || d < 0 {
			return c.failf("%q is no time", arg)
		}
		total += d
	}
	time.Sleep(total)
	return 0
}
