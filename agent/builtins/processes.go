package builtins

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hullvm/hull/agent"
)

const (
	maxProcesses = 4096 // that are listed
	maxCommand   = 1024 // bytes of a command line
	maxProcFile  = 4096 // bytes of another file of a process
)

// listProcesses writes a list of agent.ProcessInfo as JSON. A longer one than
// may be is cut off with a remark.
func listProcesses(_ context.Context, b agent.BuiltinCall) error {
	list, left, err := readProcesses("/proc", time.Now())
	if err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(b.Stderr, "processes: %d more are left out\n", left)
	}
	return json.NewEncoder(b.Stdout).Encode(list)
}

// readProcesses reads what the kernel says of processes below proc, and how many
// more there are than may be listed. One that ends meanwhile is not there.
func readProcesses(proc string, now time.Time) (list []agent.ProcessInfo, left int, err error) {
	var uptime agent.Stats
	text, err := os.ReadFile(filepath.Join(proc, "uptime"))
	if err != nil {
		return nil, 0, err
	}
	parseUptime(string(text), &uptime)
	boot := now.Add(-uptime.Uptime).UTC()
	d, err := os.Open(proc)
	if err != nil {
		return nil, 0, err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return nil, 0, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	if left = max(0, len(pids)-maxProcesses); left > 0 {
		pids = pids[:maxProcesses]
	}
	list = []agent.ProcessInfo{} // JSON knows it from no list
	for _, pid := range pids {
		if p, ok := readProcess(filepath.Join(proc, strconv.Itoa(pid)), boot); ok {
			list = append(list, p)
		}
	}
	return list, left, nil
}

func readProcess(dir string, boot time.Time) (agent.ProcessInfo, bool) {
	stat, err := readStart(filepath.Join(dir, "stat"), maxProcFile)
	if err != nil {
		return agent.ProcessInfo{}, false
	}
	p, ok := parseProcessStat(stat, boot)
	if !ok {
		return p, false
	}
	status, err := readStart(filepath.Join(dir, "status"), maxProcFile)
	if err != nil {
		return p, false
	}
	p.UID = parseUID(status)
	// Without a command line it is a thread of the kernel's, or a zombie.
	if line, err := readStart(filepath.Join(dir, "cmdline"), maxCommand); err == nil && strings.Trim(line, "\x00") != "" {
		p.Command = strings.ReplaceAll(strings.TrimRight(line, "\x00"), "\x00", " ")
	}
	p.Command = strings.ToValidUTF8(p.Command, "?")
	return p, true
}

// readStart reads at most so many bytes of a file.
func readStart(file string, most int64) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most))
	return string(b), err
}

// Fields of /proc/PID/stat behind the name, proc_pid_stat(5).
const (
	statState = iota
	statPPID
	statTTY   = 4
	statUTime = 11
	statSTime = 12
	statStart = 19
	statRSS   = 21
)

// parseProcessStat reads /proc/PID/stat. The name in it may hold anything.
func parseProcessStat(text string, boot time.Time) (p agent.ProcessInfo, ok bool) {
	head, name, ok := strings.Cut(text, " (")
	end := strings.LastIndexByte(name, ')')
	if !ok || end < 0 {
		return p, false
	}
	f := strings.Fields(name[end+1:])
	pid, err := strconv.Atoi(head)
	if err != nil || pid <= 0 || len(f) <= statRSS || len(f[statState]) != 1 {
		return p, false
	}
	p.PID = pid
	p.PPID = int(min(number(f, statPPID), math.MaxInt32))
	p.State = f[statState]
	p.CPUTime = ofTicks(number(f, statUTime)) + ofTicks(number(f, statSTime))
	p.Start = boot.Add(ofTicks(number(f, statStart)))
	p.RSS = number(f, statRSS) * uint64(os.Getpagesize())
	p.TTY = ttyName(number(f, statTTY))
	p.Command = "[" + strings.ToValidUTF8(name[:end], "?") + "]"
	return p, true
}

// maxTicks is so long that the sum of two is a Duration.
const maxTicks = uint64(math.MaxInt64/tick) / 2

func ofTicks(n uint64) time.Duration { return time.Duration(min(n, maxTicks)) * tick }

// ttyName is the name of a terminal's device number, as proc_pid_stat(5) packs
// it: "" for none.
func ttyName(n uint64) string {
	major, minor := n>>8&0xfff, n&0xff|n>>12&0xfff00
	number := func(base uint64) string { return strconv.FormatUint(minor-base, 10) }
	switch {
	case n == 0:
		return ""
	case major == 4 && minor < 64: // Documentation/admin-guide/devices.txt
		return "tty" + number(0)
	case major == 4:
		return "ttyS" + number(64)
	case major == 5 && minor == 1:
		return "console"
	case major == 229:
		return "hvc" + number(0)
	case major >= 136 && major <= 143:
		return "pts/" + strconv.FormatUint((major-136)<<20+minor, 10)
	}
	return fmt.Sprintf("%d:%d", major, minor)
}

// parseUID is the effective user of /proc/PID/status.
func parseUID(text string) uint32 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			return uint32(min(number(strings.Fields(rest), 1), math.MaxUint32))
		}
	}
	return 0
}
