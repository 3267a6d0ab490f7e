package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userHZ is the unit of the times in /proc/PID/stat, in ticks a second
// (USER_HZ, which is 100 on every architecture that Go has).
const userHZ = 100

func ps(c *call) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return c.fail(plain(err))
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	fmt.Fprintf(c.out, "%7s %7s %-1s %8s %9s %s\n", "PID", "PPID", "S", "RSS", "TIME", "COMMAND")
	for _, pid := range pids {
		if p, ok := readProcess(pid); ok {
			fmt.Fprintf(c.out, "%7d %7s %-1s %8d %9s %s\n", pid, p.parent, p.state, p.rss/1024, p.time.Truncate(10*time.Millisecond), p.command)
		}
	}
	return 0
}

type processInfo struct {
	parent, state, command string
	rss                    uint64 // bytes
	time                   time.Duration
}

// readProcess is false for a process that is gone by now.
func readProcess(pid int) (processInfo, bool) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	p, ok := parseStat(readSmall(dir + "stat"))
	if !ok {
		return p, false
	}
	if cmdline := readSmall(dir + "cmdline"); cmdline != "" {
		p.command = strings.TrimSpace(strings.ReplaceAll(cmdline, "\x00", " "))
	}
	return p, true
}

// parseStat reads a /proc/PID/stat (proc(5)): the name stands in parentheses
// and may hold anything, even parentheses.
func parseStat(stat string) (p processInfo, ok bool) {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || end < open {
		return p, false
	}
	f := strings.Fields(stat[end+1:])
	const fieldState, fieldParent, fieldUser, fieldSystem, fieldRSS = 0, 1, 11, 12, 21
	if len(f) <= fieldRSS {
		return p, false
	}
	number := func(i int) uint64 {
		n, _ := strconv.ParseUint(f[i], 10, 64) // what is no number counts as none
		return n
	}
	return processInfo{
		parent: f[fieldParent], state: f[fieldState],
		command: "[" + stat[open+1:end] + "]",
		rss:     number(fieldRSS) * uint64(os.Getpagesize()),
		time:    time.Duration(number(fieldUser)+number(fieldSystem)) * time.Second / userHZ,
	}, true
}

func kill(c *call) int {
	args, sig := c.args, unix.SIGTERM
	usage := "[-SIGNAL | -s SIGNAL] PID... | -l"
	if len(args) > 0 && args[0] == "-l" {
		for n := unix.Signal(1); n <= 31; n++ {
			fmt.Fprintf(c.out, "%2d %s\n", int(n), strings.TrimPrefix(unix.SignalName(n), "SIG"))
		}
		return 0
	}
	if len(args) > 1 && args[0] == "-s" {
		args = append([]string{"-" + args[1]}, args[2:]...)
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "--" {
		n, ok := parseSignal(args[0][1:])
		if !ok {
			return c.failf("%q is no signal", args[0][1:])
		}
		sig, args = n, args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return c.usage(usage)
	}
	status := 0
	for _, arg := range args {
		pid, err := strconv.Atoi(arg)
		if err != nil {
			status = c.failf("%q is no process number", arg)
			continue
		}
		if err := unix.Kill(pid, sig); err != nil {
			status = c.failf("%d: %w", pid, err)
		}
	}
	return status
}

func parseSignal(s string) (unix.Signal, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return unix.Signal(n), n >= 0 && n <= 64
	}
	n := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG"))
	return n, n != 0
}
