// Command guestbench is the guest's half of the device benchmark: as PID 1 of an
// initrd of its own it loads the drivers, mounts the root disk, measures what
// the kernel's command line orders, says it on the serial console, and then does
// nothing, so that the host can look at an idle machine. It works alike under
// every monitor.
//
// As "guestbench ready", Hull's agent starts it: it says that it was started.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hullvm/hull/bench/figures"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "ready" {
		fmt.Printf("\n%s\n", figures.Ready)
		time.Sleep(time.Hour)
		return
	}
	if err := run(); err != nil {
		say(figures.Mark{Kind: figures.Dead, Text: err.Error()})
	}
	say(figures.Mark{Kind: figures.Idle})
	// The end of PID 1 would be a panic, and so would be a goroutine that waits for
	// nothing: to the runtime that is a deadlock.
	for {
		time.Sleep(24 * time.Hour)
	}
}

func run() error {
	if err := mountKernel(); err != nil {
		return err
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	order, err := figures.ParseOrder(string(cmdline))
	if err != nil {
		return err
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := mountRoot(); err != nil {
		return err
	}
	carryOut(order)
	return nil
}

// carryOut takes one figure after the other. One that fails costs only itself.
func carryOut(o figures.Order) {
	groups := make(map[figures.Group][]figures.Figure)
	for _, id := range o.IDs {
		f, _ := figures.ByID(id)
		groups[f.Group] = append(groups[f.Group], f)
	}
	measureDisk(o, groups[figures.Disk])
	if len(groups[figures.TCP])+len(groups[figures.Echo]) > 0 {
		if err := setUpNetwork(); err != nil {
			fail(append(groups[figures.TCP], groups[figures.Echo]...), err)
		} else {
			measureTCP(o, groups[figures.TCP])
			measureEcho(o, groups[figures.Echo])
		}
	}
	measureStreams(o, groups[figures.Stream])
}

func say(m figures.Mark) { fmt.Print(m.String()) }

func value(f figures.Figure, v float64) {
	say(figures.Mark{Kind: figures.Value, ID: f.ID, Value: v})
}

// fail says of each of some figures why it could not be measured.
func fail(of []figures.Figure, err error) {
	for _, f := range of {
		say(figures.Mark{Kind: figures.Fail, ID: f.ID, Text: err.Error()})
	}
}
