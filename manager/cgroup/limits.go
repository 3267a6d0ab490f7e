package cgroup

import (
	"fmt"
	"math"
	"strconv"
)

// Limits bound what a group uses. 0 is no bound.
type Limits struct {
	CPUs   float64 // processors' time: 1.5 is one and a half
	Memory uint64  // bytes, swap included
	PIDs   int64   // processes and threads
}

const (
	cpuPeriod = 100_000 // microseconds
	minQuota  = 1000    // microseconds, the kernel's lower bound
	maxCPUs   = 100_000 // more than any kernel is built for
	minMemory = 4096    // a page
)

func (l Limits) check() error {
	switch {
	case math.IsNaN(l.CPUs) || l.CPUs < 0 || l.CPUs > maxCPUs || l.CPUs > 0 && l.quota() < minQuota:
		return fmt.Errorf("limit of %v processors: has to be 0 (none) or %v to %d", l.CPUs, float64(minQuota)/cpuPeriod, maxCPUs)
	case l.Memory > 0 && l.Memory < minMemory || l.Memory > math.MaxInt64:
		return fmt.Errorf("limit of %d bytes of memory: has to be 0 (none) or %d to %d", l.Memory, minMemory, math.MaxInt64)
	case l.PIDs < 0 || l.PIDs > math.MaxInt32:
		return fmt.Errorf("limit of %d processes: has to be 0 (none) or 1 to %d", l.PIDs, math.MaxInt32)
	}
	return nil
}

// quota is how many microseconds of each period there are.
func (l Limits) quota() int64 { return int64(math.Round(l.CPUs * cpuPeriod)) }

// setting is one write that sets a limit.
type setting struct {
	controller string
	file       string
	value      string
	none       bool // no limit, which a group without the file has too
	extra      bool // a kernel need not have it
}

// settings2 are those of version 2 (Documentation/admin-guide/cgroup-v2.rst).
func (l Limits) settings2() []setting {
	swap := "max"
	if l.Memory > 0 {
		swap = "0" // counted apart from memory
	}
	quota := "max"
	if l.CPUs > 0 {
		quota = strconv.FormatInt(l.quota(), 10)
	}
	return []setting{
		{"cpu", "cpu.max", fmt.Sprintf("%s %d", quota, cpuPeriod), l.CPUs == 0, false},
		{"memory", "memory.swap.max", swap, l.Memory == 0, true},
		{"memory", "memory.max", orMax(l.Memory), l.Memory == 0, false},
		{"pids", "pids.max", orMax(uint64(l.PIDs)), l.PIDs == 0, false},
	}
}

// settings1 are those of version 1 (Documentation/admin-guide/cgroup-v1). The
// limit of memory and swap together is never below that of memory alone, which
// says what comes first; swapLimit is the present one.
func (l Limits) settings1(swapLimit uint64) []setting {
	quota, memory := "-1", "-1"
	if l.CPUs > 0 {
		quota = strconv.FormatInt(l.quota(), 10)
	}
	if l.Memory > 0 {
		memory = strconv.FormatUint(l.Memory, 10)
	}
	both := []setting{
		{"memory", "memory.limit_in_bytes", memory, l.Memory == 0, false},
		{"memory", "memory.memsw.limit_in_bytes", memory, l.Memory == 0, true},
	}
	if l.Memory == 0 || l.Memory > swapLimit {
		both[0], both[1] = both[1], both[0]
	}
	return []setting{
		{"cpu", "cpu.cfs_period_us", strconv.Itoa(cpuPeriod), l.CPUs == 0, false},
		{"cpu", "cpu.cfs_quota_us", quota, l.CPUs == 0, false},
		both[0], both[1],
		{"pids", "pids.max", orMax(uint64(l.PIDs)), l.PIDs == 0, false},
	}
}

func orMax(n uint64) string {
	if n == 0 {
		return "max"
	}
	return strconv.FormatUint(n, 10)
}
