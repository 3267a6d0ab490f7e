// Command bootbench boots one kernel with one initrd and one command line under
// Hull, QEMU and gokvm, in turns, and prints when each got how far and how much
// memory it took beside the guest's.
//
// All monitors are measured by the host's own tracepoints, so that none reports
// on itself. It needs root, tracefs and a KVM that runs kernels: make bench-boot
// finds such a host.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hullvm/hull/bench/staging"
)

// row is one machine that every monitor boots.
type row struct {
	image  string // bzImage or vmlinux
	vcpus  int
	memory int // MiB
}

func (r row) String() string {
	return fmt.Sprintf("%s, %d vCPU, %d MiB", r.image, r.vcpus, r.memory)
}

var rows = []row{
	{"bzImage", 1, 128},
	{"bzImage", 1, 512},
	{"bzImage", 4, 512},
	{"bzImage", 1, 4096},
	{"vmlinux", 1, 128},
	{"vmlinux", 1, 512},
	{"vmlinux", 4, 512},
	{"vmlinux", 1, 4096},
}

// options are what the command line says.
type options struct {
	bzImage, vmlinux, initrd string
	hull, qemu, gokvm        string
	rounds                   int
	only, mon                string
	timeout                  time.Duration
	verbose                  bool
}

func main() {
	var o options
	flag.StringVar(&o.bzImage, "bzimage", "", "the kernel as a bzImage")
	flag.StringVar(&o.vmlinux, "vmlinux", "", "the same kernel, decompressed")
	flag.StringVar(&o.initrd, "initrd", "", "the initrd, whose init marks its way on port 0x80 (0x41 init, 0x42 agent)")
	flag.StringVar(&o.hull, "hull", "bin/hull", "hull")
	flag.StringVar(&o.qemu, "qemu", "qemu-system-x86_64", "QEMU")
	flag.StringVar(&o.gokvm, "gokvm", "bin/gokvm", "gokvm")
	flag.IntVar(&o.rounds, "rounds", 5, "boots of each row under each monitor")
	flag.StringVar(&o.only, "only", "", "run only rows whose name holds this")
	flag.StringVar(&o.mon, "monitors", "", "run only monitors whose name holds this")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "after which a boot has failed")
	flag.BoolVar(&o.verbose, "v", false, "report each boot on standard error")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintf(os.Stderr, "bootbench: %v\n", err)
		os.Exit(1)
	}
}

func run(o options) (err error) {
	if o.bzImage == "" || o.vmlinux == "" || o.initrd == "" {
		return errors.New("-bzimage, -vmlinux and -initrd are needed (make bench-boot gives them)")
	}
	staged, err := staging.New(o.qemu)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, staged.Remove()) }()
	if err := staged.Copy(&o.bzImage, &o.vmlinux, &o.initrd, &o.hull, &o.gokvm); err != nil {
		return err
	}
	tr, err := newTracer()
	if err != nil {
		return err
	}
	defer tr.close()

	monitors := peers(o)
	results := newResults(monitors)
	for _, r := range rows {
		if !strings.Contains(r.String(), o.only) {
			continue
		}
		for round := range o.rounds {
			// Each round starts with another monitor, so that none always runs
			// behind the same neighbour.
			for i := range monitors {
				m := monitors[(i+round)%len(monitors)]
				b, err := boot(o, tr, m, r)
				if o.verbose {
					fmt.Fprintf(os.Stderr, "bootbench: %v: round %d: %s: %v %v\n", r, round+1, m.name, b, err)
				}
				results.add(r, m, b, err)
			}
		}
	}
	return results.print(os.Stdout, o)
}
