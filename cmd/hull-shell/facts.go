package main

import (
	"fmt"
	"strings"
)

// facts is what the guest says of itself, one "name: value" a line.
func facts(c *call) int {
	up, _, _ := strings.Cut(readSmall("/proc/uptime"), " ")
	lines := []struct{ name, value string }{
		{"kernel", readSmall("/proc/sys/kernel/osrelease")},
		{"version", readSmall("/proc/sys/kernel/version")},
		{"vcpus", fmt.Sprint(countCPUs(readSmall("/sys/devices/system/cpu/online")))},
		{"memory", memoryKiB("MemTotal") + " KiB"},
		{"clocksource", readSmall("/sys/devices/system/clocksource/clocksource0/current_clocksource")},
		{"uptime", up + " s"},
	}
	status := 0
	for _, l := range lines {
		if strings.TrimSpace(strings.TrimRight(l.value, " KiBs")) == "" {
			status = c.failf("%s: unknown", l.name)
			continue
		}
		fmt.Fprintf(c.out, "%s: %s\n", l.name, l.value)
	}
	return status
}

// memoryKiB is one value of /proc/meminfo, or "".
func memoryKiB(name string) string {
	for line := range strings.Lines(readSmall("/proc/meminfo")) {
		f := strings.Fields(line)
		if len(f) >= 2 && f[0] == name+":" {
			return f[1]
		}
	}
	return ""
}
