// Command devbench measures virtual machines' devices under Hull and QEMU, in
// turns, and prints the medians of all rounds, their spread and the ratios.
//
// Every monitor runs one kernel, one initrd and one disk image, with the same
// devices behind it: files in memory, two taps of the host and its vsock. The
// guest's half is package guestbench. It needs root, taps and a KVM that runs
// kernels: make bench-devices finds such a host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/bench/table"
)

// options are what the command line says.
type options struct {
	prepare string
	dir     string

	hull, qemu string
	guest      string
	bundle     string

	rounds  int
	only    string
	under   string
	quick   bool
	vcpus   int
	memory  int // MiB
	length  time.Duration
	packets int
	rest    time.Duration
	timeout time.Duration
	hold    time.Duration
	verbose bool
}

func main() {
	var o options
	flag.StringVar(&o.prepare, "prepare", "", "make the disk image and the initrds in this `folder`, and end")
	flag.StringVar(&o.dir, "dir", "", "the `folder` that -prepare has filled")
	flag.StringVar(&o.guest, "guest", "bin/guestbench", "the guest's half, for -prepare")
	flag.StringVar(&o.bundle, "kernel", "debian-cloud", "the kernel bundle, for -prepare")
	flag.StringVar(&o.hull, "hull", "bin/hull", "hull")
	flag.StringVar(&o.qemu, "qemu", "qemu-system-x86_64", "QEMU")
	flag.IntVar(&o.rounds, "rounds", 5, "machines of each monitor")
	flag.StringVar(&o.only, "only", "", "measure only figures whose name holds this")
	flag.StringVar(&o.under, "under", "", "run only monitors whose name holds this")
	flag.BoolVar(&o.quick, "quick", false, "one short round, to see that it works")
	flag.IntVar(&o.vcpus, "vcpus", 1, "virtual CPUs of each machine")
	flag.IntVar(&o.memory, "memory", 512, "memory of each machine in MiB")
	flag.DurationVar(&o.length, "length", 3*time.Second, "how long each transfer takes, in whole seconds")
	flag.IntVar(&o.packets, "packets", 1000, "round trips of each network")
	flag.DurationVar(&o.rest, "rest", 10*time.Second, "how long a machine at rest is looked at")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "after which a machine has failed")
	flag.DurationVar(&o.hold, "hold", 0, "keep each machine for so long after it was measured, to look at it")
	flag.BoolVar(&o.verbose, "v", false, "report each machine and its console on standard error")
	flag.Parse()
	if o.quick {
		o.rounds, o.length, o.packets, o.rest = 1, time.Second, 200, 3*time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "devbench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.prepare != "" {
		return prepare(ctx, o)
	}
	if o.dir == "" {
		return errors.New("-dir is needed (make bench-devices gives it)")
	}
	var err error
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	var wanted []figures.Figure
	for _, f := range figures.All {
		if strings.Contains(f.Name, o.only) {
			wanted = append(wanted, f)
		}
	}
	if len(wanted) == 0 {
		return fmt.Errorf("-only %q: no figure's name holds that", o.only)
	}
	var monitors []monitor
	for _, m := range peers {
		if strings.Contains(m.name, o.under) {
			monitors = append(monitors, m)
		}
	}
	if len(monitors) == 0 {
		return fmt.Errorf("-under %q: no monitor's name holds that", o.under)
	}
	h, err := openHost(o)
	if err != nil {
		return err
	}
	before := table.Load()
	results := newTable(monitors, wanted)
	err = rounds(ctx, o, h, monitors, wanted, results)
	if err := errors.Join(err, h.close()); err != nil {
		return err
	}
	return report(os.Stdout, results, o, before, table.Load())
}

// rounds runs each monitor's machines. Each round starts with another monitor, so
// that none always runs behind the same neighbour.
func rounds(ctx context.Context, o options, h *host, monitors []monitor, wanted []figures.Figure, t *table.Table) error {
	for round := range o.rounds {
		for i := range monitors {
			m := monitors[(i+round)%len(monitors)]
			for _, job := range jobs(wanted) {
				values, err := h.runMachine(ctx, o, m, job)
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if o.verbose {
					fmt.Fprintf(os.Stderr, "devbench: round %d: %s: %v %v\n", round+1, m.name, values, err)
				}
				add(t, m, job.figures, values, err)
			}
		}
	}
	return nil
}

// job is what one machine is for.
type job struct {
	figures []figures.Figure
	boot    bool // with Hull's agent, for the Boot group
}

// jobs puts figures to machines: the Boot group has one of its own.
func jobs(of []figures.Figure) []job {
	var devices, boot job
	boot.boot = true
	for _, f := range of {
		if f.Group == figures.Boot {
			boot.figures = append(boot.figures, f)
		} else {
			devices.figures = append(devices.figures, f)
		}
	}
	var out []job
	for _, j := range []job{devices, boot} {
		if len(j.figures) > 0 {
			out = append(out, j)
		}
	}
	return out
}
