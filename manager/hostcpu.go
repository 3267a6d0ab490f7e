package manager

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/hullvm/hull/snapshot"
)

// hostCPU is this host's first processor, as proc(5) describes it. What is not there
// stays empty.
func hostCPU() snapshot.CPU {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return snapshot.CPU{}
	}
	defer f.Close() // only read
	return parseCPU(f)
}

func parseCPU(r io.Reader) (c snapshot.CPU) {
	number := func(s string) uint32 {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return 0
		}
		return uint32(n)
	}
	for s := bufio.NewScanner(r); s.Scan() && s.Text() != ""; {
		name, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(name) {
		case "vendor_id":
			c.Vendor = value
		case "cpu family":
			c.Family = number(value)
		case "model":
			c.Model = number(value)
		case "stepping":
			c.Stepping = number(value)
		case "model name":
			c.Name = value
		}
	}
	return c
}
