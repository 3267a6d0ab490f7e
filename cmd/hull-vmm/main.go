// Command hull-vmm is one machine in a process of its own (package monitor). It is
// started by package monitor/spawn, and its arguments and descriptors are between the
// two (package monitor/startup). Its exit status is 0 where there was a machine, which
// has ended, and 125 where there was none.
package main

import (
	"os"

	"github.com/hullvm/hull/monitor"
)

func main() { os.Exit(monitor.Main(os.Args[1:])) }
