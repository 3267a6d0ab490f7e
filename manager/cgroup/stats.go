package cgroup

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// Stats is what a group uses and has used. What a kernel does not count is 0.
type Stats struct {
	CPUTime     time.Duration
	MemoryUsage uint64 // bytes, of which the kernel may take back those of its file cache
	MemoryLimit uint64 // bytes; 0 for none
	MemoryPeak  uint64 // bytes
	OOMKills    uint64 // processes that were killed for want of memory
	PIDs        int    // processes and threads
	ReadBytes   uint64 // of block devices
	WriteBytes  uint64
}

// noLimit1 and more is what version 1 says of memory without a limit: the
// largest count of pages, in bytes.
const noLimit1 = math.MaxInt64 &^ 0xffff

// Stats reads what the group uses. A group that is gone is an error that is
// [os.ErrNotExist].
func (g *Group) Stats() (Stats, error) {
	if _, err := os.Lstat(g.Path()); err != nil {
		return Stats{}, fmt.Errorf("group %q: %w", g.name, err)
	}
	var s Stats
	if g.host.unified() {
		g.stats2(&s)
	} else {
		g.stats1(&s)
	}
	return s, nil
}

// value is a controller's file; "" where there is none.
func (g *Group) value(controller, file string) string {
	text, err := read(g.file(controller, file))
	if err != nil {
		return ""
	}
	return text
}

func (g *Group) stats2(s *Stats) {
	s.CPUTime = duration(keyed(g.value("cpu", "cpu.stat"), "usage_usec"), time.Microsecond)
	s.MemoryUsage = parseNumber(g.value("memory", "memory.current"))
	s.MemoryLimit = parseNumber(g.value("memory", "memory.max")) // 0 of "max"
	s.MemoryPeak = parseNumber(g.value("memory", "memory.peak"))
	s.OOMKills = keyed(g.value("memory", "memory.events"), "oom_kill")
	s.PIDs = int(min(parseNumber(g.value("pids", "pids.current")), math.MaxInt32))
	s.ReadBytes, s.WriteBytes = parseIO2(g.value("io", "io.stat"))
}

func (g *Group) stats1(s *Stats) {
	s.CPUTime = duration(parseNumber(g.value("cpuacct", "cpuacct.usage")), time.Nanosecond)
	s.MemoryUsage = parseNumber(g.value("memory", "memory.usage_in_bytes"))
	if limit := parseNumber(g.value("memory", "memory.limit_in_bytes")); limit < noLimit1 {
		s.MemoryLimit = limit
	}
	s.MemoryPeak = parseNumber(g.value("memory", "memory.max_usage_in_bytes"))
	s.OOMKills = keyed(g.value("memory", "memory.oom_control"), "oom_kill")
	s.PIDs = int(min(parseNumber(g.value("pids", "pids.current")), math.MaxInt32))
	s.ReadBytes, s.WriteBytes = parseIO1(g.value("blkio", "blkio.throttle.io_service_bytes"))
}

// parseNumber is a file of one number; 0 for what is none.
func parseNumber(text string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// keyed is the number behind a key, of lines of a key and a number.
func keyed(text, key string) uint64 {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			return parseNumber(f[1])
		}
	}
	return 0
}

func duration(n uint64, unit time.Duration) time.Duration {
	return time.Duration(min(n, uint64(math.MaxInt64/unit))) * unit
}

// parseIO2 sums io.stat: lines of a device and KEY=NUMBER.
func parseIO2(text string) (read, written uint64) {
	for line := range strings.Lines(text) {
		for _, f := range strings.Fields(line) {
			key, n, _ := strings.Cut(f, "=")
			switch key {
			case "rbytes":
				read += parseNumber(n)
			case "wbytes":
				written += parseNumber(n)
			}
		}
	}
	return read, written
}

// parseIO1 sums blkio's lines of a device, an operation and a number.
func parseIO1(text string) (read, written uint64) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		switch f[1] {
		case "Read":
			read += parseNumber(f[2])
		case "Write":
			written += parseNumber(f[2])
		}
	}
	return read, written
}
