// Command hull-vmm is one machine in a process of its own (package monitor). It is
// started by package monitor/spawn, and its arguments and descriptors are between the
// two (package monitor/startup). Its exit status is 0 where there was a machine, which
// has ended, and 125 where there was none.
package main

import (
	"os"

	"github.com/hullvm/hull/monitor"
)

func main() {
	// It is run by a descriptor, whose number is its name otherwise. Tools show the
	// name, and do without.
	_ = os.WriteFile("/proc/self/comm", []byte("hull-vmm"), 0)
	os.Exit(monitor.Main(os.Args[1:]))
}
