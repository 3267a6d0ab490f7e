// Command migratebench measures moves of running machines between two hosts: Hull's, and
// QEMU's beside them, over a link of some quality. The hosts are two network namespaces of
// one kernel, so that what is compared is the two programs, and the link.
//
// All machines run one kernel and one initrd, with Hull's agent and this program, which
// writes to memory as fast as it is told to and answers datagrams. It needs root and a KVM
// that runs kernels: make bench-migrate finds such a host.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hullvm/hull/bench/staging"
	"github.com/hullvm/hull/bench/table"
)

// options are what the command line says.
type options struct {
	bundle   string
	programs string
	qemu     string

	size, work int // MiB
	rate       string
	delays     delayList
	dirty      dirtyList
	downtime   time.Duration

	rounds  int
	under   string
	quick   bool
	settle  time.Duration
	timeout time.Duration
	verbose bool
}

// delayList are delays of the link, one way.
type delayList []time.Duration

func (l *delayList) String() string { return strings.Trim(fmt.Sprint([]time.Duration(*l)), "[]") }

// Set reads delays with commas between.
func (l *delayList) Set(text string) error {
	*l = nil
	for word := range strings.SplitSeq(text, ",") {
		d, err := time.ParseDuration(word)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no delay", word)
		}
		*l = append(*l, d)
	}
	return nil
}

// fastest is a guest that writes as fast as it can.
const fastest = -1

// dirtyList are how many MiB a second a guest writes.
type dirtyList []int

func (l *dirtyList) String() string {
	var words []string
	for _, n := range *l {
		words = append(words, dirtyArgument(n))
	}
	return strings.Join(words, ",")
}

func dirtyArgument(n int) string {
	if n == fastest {
		return "max"
	}
	return strconv.Itoa(n)
}

// Set reads rates with commas between; max is the fastest.
func (l *dirtyList) Set(text string) error {
	*l = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		switch {
		case word == "max":
			n = fastest
		case err != nil || n < 0:
			return fmt.Errorf("%q is no rate in MiB a second", word)
		}
		*l = append(*l, n)
	}
	return nil
}

func main() {
	if filepath.Base(os.Args[0]) == guestName {
		fmt.Fprintf(os.Stderr, "%s: %v\n", guestName, guestMain(os.Args[1:]))
		os.Exit(1)
	}
	o := options{delays: delayList{time.Millisecond, 50 * time.Millisecond}, dirty: dirtyList{0, 50, fastest}}
	flag.StringVar(&o.bundle, "kernel", "debian-cloud", "the kernel's bundle")
	flag.StringVar(&o.programs, "programs", "bin", "the `folder` of Hull's programs")
	flag.StringVar(&o.qemu, "qemu", "qemu-system-x86_64", "QEMU")
	flag.IntVar(&o.size, "size", 512, "the machines' memory in `MiB`")
	flag.IntVar(&o.work, "work", 128, "how many `MiB` the guest writes to, again and again")
	flag.StringVar(&o.rate, "rate", "1gbit", "the link's rate, as tc has it")
	flag.Var(&o.delays, "delays", "the link's delays one way, with commas between (default 1ms,50ms)")
	flag.Var(&o.dirty, "dirty", "how many MiB a second the guest writes, with commas between; max is as fast as it can (default 0,50,max)")
	flag.DurationVar(&o.downtime, "downtime", 300*time.Millisecond, "how long a guest may be held, as the programs are told")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flag.StringVar(&o.under, "under", "", "only those of this name: hull, qemu")
	flag.BoolVar(&o.quick, "quick", false, "one round over the first link, with a guest at rest and one that writes a little")
	flag.DurationVar(&o.settle, "settle", 3*time.Second, "how long a machine has to come to rest")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "after which a measurement has failed")
	flag.BoolVar(&o.verbose, "v", false, "report each measurement on standard error")
	flag.Parse()
	if o.quick {
		o.rounds, o.delays, o.dirty, o.settle = 1, o.delays[:1], dirtyList{0, 5}, time.Second
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "migratebench: %v\n", err)
		os.Exit(1)
	}
}

// check refuses what cannot be measured.
func (o *options) check() error {
	switch {
	case o.rounds < 1 || len(o.delays) == 0 || len(o.dirty) == 0:
		return errors.New("-rounds is 1 or more, and there are delays and rates")
	case o.work < 1 || o.size < o.work+96:
		return fmt.Errorf("-size %d: the guest writes to %d MiB (-work), and needs 96 more", o.size, o.work)
	}
	return nil
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
	if err := files.CopyPrograms(&o.programs); err != nil {
		return err
	}
	p, err := newPlace(ctx, o, files.Dir)
	if err != nil {
		return err
	}
	before := table.Load()
	t := newTable(o, subjects)
	if err := measureAll(ctx, p, subjects, t); err != nil {
		return err
	}
	return report(os.Stdout, t, o, before, table.Load())
}
