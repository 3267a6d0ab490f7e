package builtins

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hullvm/hull/agent"
)

const (
	tick       = time.Second / 100 // USER_HZ, the same on every x86
	sectorSize = 512               // of /proc/diskstats, whatever the disk's is
)

// readStats reads what the kernel says below proc. A file that a kernel does not
// have leaves zeros.
func readStats(proc string) (*agent.Stats, error) {
	s := &agent.Stats{}
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return nil, err
	}
	parseStat(string(stat), s)
	for name, parse := range map[string]func(string, *agent.Stats){
		"uptime": parseUptime, "meminfo": parseMeminfo, "loadavg": parseLoad, "net/dev": parseNetDev, "diskstats": parseDisks,
	} {
		if b, err := os.ReadFile(filepath.Join(proc, name)); err == nil {
			parse(string(b), s)
		}
	}
	return s, nil
}

// number is a field's value, 0 for what is none.
func number(fields []string, i int) uint64 {
	if i >= len(fields) {
		return 0
	}
	n, _ := strconv.ParseUint(fields[i], 10, 64)
	return n
}

func parseStat(text string, s *agent.Stats) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || !strings.HasPrefix(f[0], "cpu"):
		case f[0] == "cpu":
			ticks := func(i int) time.Duration { return time.Duration(number(f, i)) * tick }
			s.CPU.User = ticks(1) + ticks(2)
			s.CPU.System = ticks(3) + ticks(6) + ticks(7)
			s.CPU.Idle, s.CPU.IOWait, s.CPU.Steal = ticks(4), ticks(5), ticks(8)
		default:
			s.CPU.Count++
		}
	}
}

func parseUptime(text string, s *agent.Stats) {
	if f := strings.Fields(text); len(f) > 0 {
		seconds, _ := strconv.ParseFloat(f[0], 64)
		s.Uptime = time.Duration(seconds * float64(time.Second))
	}
}

func parseLoad(text string, s *agent.Stats) {
	f := strings.Fields(text)
	for i := range min(len(f), len(s.Load)) {
		v, _ := strconv.ParseFloat(f[i], 64)
		if v == v && v >= 0 && v < 1e9 { // nothing that JSON has no word for
			s.Load[i] = v
		}
	}
	if len(f) > 3 {
		_, all, _ := strings.Cut(f[3], "/")
		s.Processes, _ = strconv.Atoi(all)
	}
}

func parseMeminfo(text string, s *agent.Stats) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n := number(f, 1) * 1024
		switch f[0] {
		case "MemTotal:":
			s.Memory.Total = n
		case "MemAvailable:":
			s.Memory.Available = n
		case "MemFree:":
			s.Memory.Free = n
		case "Cached:":
			s.Memory.Cached = n
		}
	}
}

func parseNetDev(text string, s *agent.Stats) {
	for line := range strings.Lines(text) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		f := strings.Fields(rest)
		s.Networks = append(s.Networks, agent.NetStats{
			Name:    strings.TrimSpace(name),
			RxBytes: number(f, 0), RxPackets: number(f, 1), RxErrors: number(f, 2), RxDropped: number(f, 3),
			TxBytes: number(f, 8), TxPackets: number(f, 9), TxErrors: number(f, 10), TxDropped: number(f, 11),
		})
	}
}

func parseDisks(text string, s *agent.Stats) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 || !isDisk(f[2]) {
			continue
		}
		s.Disks = append(s.Disks, agent.DiskStats{
			Name:  f[2],
			Reads: number(f, 3), ReadBytes: number(f, 5) * sectorSize,
			Writes: number(f, 7), WriteBytes: number(f, 9) * sectorSize,
		})
	}
}

// isDisk accepts virtio's disks as wholes: vda, and not vda1.
func isDisk(name string) bool {
	letters, ok := strings.CutPrefix(name, "vd")
	return ok && letters != "" && strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") == ""
}
