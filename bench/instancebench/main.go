// Command instancebench measures what an instance costs: the time and the memory
// that its monitor's process takes, beside QEMU's, in turns; the list of many
// instances; and many machines that are started at once.
//
// All monitors run one kernel, one initrd and one command line. It needs root (for
// the memory of other users' processes) and a KVM that runs kernels: make
// bench-instances finds such a host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hullvm/hull/bench/staging"
	"github.com/hullvm/hull/bench/table"
)

// options are what the command line says.
type options struct {
	vmlinux, initrd string
	bundle          string
	programs, qemu  string

	rounds       int
	only, under  string
	quick        bool
	vcpus        int
	memory       int // MiB
	settle       time.Duration
	timeout      time.Duration
	instances    int
	vms          int
	vmMemory     int // MiB
	fleetTimeout time.Duration
	verbose      bool
}

func main() {
	var o options
	flag.StringVar(&o.vmlinux, "vmlinux", "", "the kernel, decompressed")
	flag.StringVar(&o.initrd, "initrd", "", "the initrd, which says "+ready+" on the console")
	flag.StringVar(&o.bundle, "kernel", "debian-cloud", "the kernel bundle of machines that are started at once")
	flag.StringVar(&o.programs, "programs", "bin", "the `folder` of Hull's programs")
	flag.StringVar(&o.qemu, "qemu", "qemu-system-x86_64", "QEMU")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flag.StringVar(&o.only, "only", "", "measure only what belongs to one of: start, memory, list, fleet")
	flag.StringVar(&o.under, "under", "", "run only monitors whose name holds this")
	flag.BoolVar(&o.quick, "quick", false, "one round with few instances, to see that it works")
	flag.IntVar(&o.vcpus, "vcpus", 1, "virtual CPUs of each machine")
	flag.IntVar(&o.memory, "memory", 128, "memory of each machine in MiB")
	flag.DurationVar(&o.settle, "settle", 5*time.Second, "how long a machine has to come to rest")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "after which a machine has failed")
	flag.IntVar(&o.instances, "instances", 1000, "how many instances there are for the long list")
	flag.IntVar(&o.vms, "vms", 50, "how many machines are started at once; 0 for none")
	flag.IntVar(&o.vmMemory, "vm-memory", 96, "memory of each of these in MiB")
	flag.DurationVar(&o.fleetTimeout, "fleet-timeout", 15*time.Minute, "after which those have failed whose agent has not answered")
	flag.BoolVar(&o.verbose, "v", false, "report each measurement on standard error")
	flag.Parse()
	if o.quick {
		o.rounds, o.instances, o.vms, o.settle = 1, min(o.instances, 50), min(o.vms, 2), time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "instancebench: %v\n", err)
		os.Exit(1)
	}
}

// check refuses what cannot be measured.
func (o *options) check() error {
	switch {
	case o.vmlinux == "" || o.initrd == "":
		return errors.New("-vmlinux and -initrd are needed (make bench-instances gives them)")
	case o.rounds < 1 || o.instances < 1 || o.vms < 0:
		return errors.New("-rounds and -instances are 1 or more, -vms is 0 or more")
	case o.only != "" && groupNames[group(o.only)] == "":
		return fmt.Errorf("-only %q: one of start, memory, list, fleet", o.only)
	}
	return nil
}

// wants says whether a group is to be measured.
func (o *options) wants(g group) bool {
	if g == fleet && o.vms == 0 {
		return false
	}
	return o.only == "" || o.only == string(g)
}

func run(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
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
	files, err := staging.New(o.qemu)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Remove()) }()
	if err := stage(&o, files); err != nil {
		return err
	}
	before := table.Load()
	t := newTable(o, monitors)
	if err := measureAll(ctx, o, files.Dir, monitors, t); err != nil {
		return err
	}
	return report(os.Stdout, t, o, before, table.Load())
}

// stage copies what the monitors read, and Hull's programs.
func stage(o *options, files *staging.Files) error {
	if err := files.Copy(&o.vmlinux, &o.initrd); err != nil {
		return err
	}
	return files.CopyPrograms(&o.programs)
}
