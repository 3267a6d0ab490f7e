// Command snapshotbench measures restores of machines beside their boots, QEMU's
// restores and the start of a container; how long a snapshot holds its guest; and
// what clones cost.
//
// All machines run one kernel and one initrd with Hull's agent. It needs root and a
// KVM that runs kernels: make bench-snapshots finds such a host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/bench/staging"
	"github.com/hullvm/hull/bench/table"
)

// options are what the command line says.
type options struct {
	vmlinux, initrd string
	bundle          string
	programs        string
	qemu, qemuImg   string
	crun, runc      string

	rounds      int
	only, under string
	quick, live bool
	sizes       sizeList // MiB
	clones      int
	settle      time.Duration
	timeout     time.Duration
	verbose     bool
}

// sizeList are sizes of memory in MiB.
type sizeList []int

func (l *sizeList) String() string { return strings.Trim(fmt.Sprint([]int(*l)), "[]") }

// Set reads sizes with commas between.
func (l *sizeList) Set(text string) error {
	*l = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no size in MiB", word)
		}
		*l = append(*l, n)
	}
	return nil
}

func main() {
	o := options{sizes: sizeList{128, 1024, 8192}}
	flag.StringVar(&o.vmlinux, "vmlinux", "", "QEMU's kernel, decompressed")
	flag.StringVar(&o.initrd, "initrd", "", "QEMU's initrd, with Hull's agent")
	flag.StringVar(&o.bundle, "kernel", "debian-cloud", "Hull's kernel bundle, of the same kernel")
	flag.StringVar(&o.programs, "programs", "bin", "the `folder` of Hull's programs")
	flag.StringVar(&o.qemu, "qemu", "qemu-system-x86_64", "QEMU")
	flag.StringVar(&o.qemuImg, "qemu-img", "qemu-img", "QEMU's program for images")
	flag.StringVar(&o.crun, "crun", "crun", "crun; empty for none")
	flag.StringVar(&o.runc, "runc", "runc", "runc; empty for none")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flag.StringVar(&o.only, "only", "", "measure only what belongs to one of: "+strings.Join(groupWords(), ", "))
	flag.StringVar(&o.under, "under", "", "only those of this name: hull, qemu migrate, qemu savevm, crun, runc")
	flag.BoolVar(&o.quick, "quick", false, "one round with the smallest memory and two clones, to see that it works")
	flag.BoolVar(&o.live, "live", false, "measure snapshots that let the guest run, too")
	flag.Var(&o.sizes, "sizes", "the machines' memory in MiB, with commas between (default 128,1024,8192)")
	flag.IntVar(&o.clones, "clones", 50, "how many clones there are at once; 0 for none")
	flag.DurationVar(&o.settle, "settle", 5*time.Second, "how long a machine has to come to rest")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Minute, "after which a measurement has failed")
	flag.BoolVar(&o.verbose, "v", false, "report each measurement on standard error")
	flag.Parse()
	if o.quick {
		o.rounds, o.clones, o.settle = 1, min(o.clones, 2), time.Second
		o.sizes = o.sizes[:1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "snapshotbench: %v\n", err)
		os.Exit(1)
	}
}

// check refuses what cannot be measured.
func (o *options) check() error {
	switch {
	case o.vmlinux == "" || o.initrd == "":
		return errors.New("-vmlinux and -initrd are needed (make bench-snapshots gives them)")
	case o.rounds < 1 || o.clones < 0 || len(o.sizes) == 0:
		return errors.New("-rounds is 1 or more, -clones 0 or more, and there is a size")
	case o.only != "" && groupNames[group(o.only)] == "":
		return fmt.Errorf("-only %q: one of %s", o.only, strings.Join(groupWords(), ", "))
	}
	return nil
}

// wants says whether a group is to be measured.
func (o *options) wants(g group) bool {
	switch {
	case g == clones && o.clones == 0, g == live && !o.live:
		return false
	}
	return o.only == "" || o.only == string(g)
}

func run(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	subjects := subjectsOf(o)
	if len(subjects) == 0 {
		return fmt.Errorf("-under %q: there is none of that name", o.under)
	}
	files, err := staging.New(o.qemu)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Remove()) }()
	if err := stage(&o, files); err != nil {
		return err
	}
	entries, err := measure.NewEntries()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, entries.Close()) }()
	before := table.Load()
	t := newTable(o, subjects)
	if err := measureAll(ctx, &place{options: o, dir: files.Dir, entries: entries}, subjects, t); err != nil {
		return err
	}
	return report(os.Stdout, t, o, before, table.Load())
}

// stage copies what is read, so that all are as near: kernel, initrd, Hull's programs.
func stage(o *options, files *staging.Files) error {
	if err := files.Copy(&o.vmlinux, &o.initrd); err != nil {
		return err
	}
	return files.CopyPrograms(&o.programs)
}
