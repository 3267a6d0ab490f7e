package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

func newLabCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Virtual hosts with a working KVM, for machines that have none",
		Long: `Virtual hosts with a working KVM, for machines that have none.

A lab host is a virtual machine under QEMU's software emulation of an AMD
processor with SVM. It sees this machine's files, all of them, at their own
paths; what it writes stays there and is gone with it. So a program runs in it
as it would here, in the same directory, but with a /dev/kvm (docs/lab.md).`,
		Example: `  hull lab exec --up -- ls -l /dev/kvm
  go test -exec 'hull lab exec --up --' ./vmm/...
  hull lab run -- hull boot configs/demo.toml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newLabUpCommand(a),
		newLabExecCommand(a),
		newLabShellCommand(a),
		newLabRunCommand(a),
		newLabLsCommand(a),
		newLabReportCommand(a),
		newLabDownCommand(a),
		newLabKeepCommand(a),
	)
	return cmd
}

// labHostOptions are what a host is made of.
type labHostOptions struct {
	cpus     int
	memory   int
	threads  string
	idle     time.Duration
	bootTime time.Duration
	kernel   string
	cmdline  string
	emulator string
	unmended bool
	network  string
}

func (o *labHostOptions) addFlags(cmd *cobra.Command, idle bool) {
	f := cmd.Flags()
	f.IntVar(&o.cpus, "cpus", 0, "number of processors (0: two, or one where this machine has only one)")
	f.IntVar(&o.memory, "memory", lab.DefaultMemory, "memory in `MiB`, taken as it is touched")
	f.StringVar(&o.threads, "threads", string(lab.DefaultThreads), "threads of the emulator: single, or multi, one for each processor (docs/lab.md)")
	f.DurationVar(&o.bootTime, "boot-timeout", lab.DefaultBootTime, "how long the host may take to start")
	f.StringVar(&o.kernel, "kernel", "", "kernel bundle to run (default: Debian's, fetched when it is not there)")
	f.StringVar(&o.cmdline, "append", "", "words to append to the kernel's command line")
	f.StringVar(&o.emulator, "qemu", "", "the emulator (default: qemu-system-x86_64 in the PATH)")
	f.BoolVar(&o.unmended, "unmended", false, "run the emulator as it is installed, with the bugs that are mended otherwise")
	f.StringVar(&o.network, "network", "", "join the host to those of this `NAME`; it has an address there, which 'hull lab ls' shows")
	if idle {
		f.DurationVar(&o.idle, "idle", lab.DefaultIdle, "end the host when it was not used for so long (negative: never)")
	}
}

// spec makes the host's description, and what it needs: the emulator is looked
// for, the kernel and the initrd are made.
func (o *labHostOptions) spec(ctx context.Context, a *app, name string) (lab.Spec, error) {
	emulator, err := lab.FindEmulator(o.emulator)
	if err != nil {
		return lab.Spec{}, err
	}
	images, err := prepareLab(ctx, a, o.kernel)
	if err != nil {
		return lab.Spec{}, err
	}
	return lab.Spec{
		Name:     name,
		CPUs:     o.cpus,
		Memory:   o.memory,
		Threads:  lab.Threads(o.threads),
		Idle:     o.idle,
		BootTime: o.bootTime,
		Kernel:   images.Kernel,
		Initrd:   images.Initrd,
		Release:  images.Release,
		Cmdline:  o.cmdline,
		Emulator: emulator,
		Unmended: o.unmended,
		Network:  o.network,
	}, nil
}

// openLab opens this user's lab. Its keepers are this program again.
func openLab(a *app) (*lab.Lab, error) {
	dirs, err := lab.DirsFromEnv(a.Getenv)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("lab: own program: find: %w", err)
	}
	return lab.Open(dirs, self, "lab", "keep", "--")
}

// interruptible makes a context that SIGINT, SIGTERM and SIGHUP end.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}

// describe says in a line what a host runs in.
func describe(s *lab.Status) string {
	text := fmt.Sprintf("%d CPUs, %d MiB, kernel %s, up after %.1f s; emulator %s",
		s.CPUs, s.Memory, s.Release, s.Boot.Seconds(), s.Emulator)
	if s.Network != "" {
		text += fmt.Sprintf("; %s on network %s", s.Address, s.Network)
	}
	if s.Replaced != "" {
		text += "; the one before died: " + s.Replaced
	}
	return text
}
