package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/peripherals"
	"github.com/hullvm/hull/peripherals/host"
	"github.com/hullvm/hull/vmm"
)

type bootOptions struct {
	createOptions
	detach   bool
	template string // a snapshot to start from
	dryRun   bool
	initrd   string // where a dry run puts a copy of the initrd
	timeline bool
	verbose  bool
}

func newBootCommand(a *app) *cobra.Command {
	var o bootOptions
	cmd := &cobra.Command{
		Use:   "boot FILE.toml",
		Short: "Boot a virtual machine from a TOML file",
		Long: `Boot a virtual machine from a TOML file (docs/configuration.md), with its
serial console on this terminal.

On a terminal every key goes to the guest. Ctrl-a x ends the machine and leaves,
Ctrl-a p presses its power button, Ctrl-a h lists what else there is.

SIGTERM, SIGINT, SIGHUP and a closed pipe on standard output press the power
button; a machine that is still there after lifecycle.stop_timeout, or when a
signal comes again, is ended. SIGQUIT ends it at once. SIGUSR1 prints on stderr
where each vCPU stands, and the machine goes on.

hull ends with the guest's own status where the guest powered itself off, and
with a status of its own otherwise (docs/exit-codes.md).

With -d the machine becomes an instance, which runs in the background: hull prints
its id and ends. The other commands know it by this id, by the beginning of it, or
by its name (docs/instances.md). Where it cannot be started, nothing of it is left.

With --template the machine is an instance too, and does not boot where a snapshot of
that name is there: it is a clone of it (docs/snapshots.md). Where there is none, it
boots, and the snapshot is made as soon as its agent answers. Without -d hull joins
its console as hull attach does.`,
		Example: `  hull boot configs/demo.toml
  hull boot configs/demo.toml --set cpu.count=2 --set memory.size=1GiB
  hull boot configs/demo.toml --dry-run
  hull boot -d --name web --restart on-failure:3 web.toml
  hull boot -d --template web web.toml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeMachineFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkBootFlags(cmd.Flags(), o.detach); err != nil {
				return err
			}
			if cmd.Flags().Changed("template") {
				return runFailure(runBootTemplate(cmd.Context(), a, &o, args[0]))
			}
			if o.detach {
				return runFailure(runBootDetached(cmd.Context(), a, &o.createOptions, args[0]))
			}
			return runBoot(cmd.Context(), a, o, args[0])
		},
	}
	f := cmd.Flags()
	o.register(cmd)
	f.BoolVarP(&o.detach, "detach", "d", false, "make it an instance, and run it in the background")
	f.StringVar(&o.template, "template", "", "start from the snapshot of this `name`, or boot and make it")
	f.BoolVar(&o.dryRun, "dry-run", false, "check everything, print the machine and what would be loaded where, and start nothing")
	f.StringVar(&o.initrd, "write-initrd", "", "with --dry-run, write the machine's whole initrd to this `file`")
	f.BoolVar(&o.timeline, "timeline", false, "print the moments of the start on stderr when the machine has ended")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "log what the monitor does on stderr")
	completeFlagWith(cmd, "template", completeSnapshots(a, 0))
	return cmd
}

func runBoot(ctx context.Context, a *app, o bootOptions, path string) error {
	machine, err := o.load(path)
	if err != nil {
		return err
	}
	warnOfIdleKeys(a, machine)
	for {
		exit, interrupted, err := bootOnce(ctx, a, o, machine)
		if err != nil {
			return err
		}
		if o.dryRun {
			return nil
		}
		if interrupted == nil && restarts(machine, exit) {
			fmt.Fprintf(a.Stderr, "hull: machine %q: %v: restarting\n", machine.Name, exit)
			continue
		}
		return exitStatus(a, machine, exit, interrupted)
	}
}

func restarts(machine *configs.Machine, exit vmm.Exit) bool {
	switch exit.Reason {
	case vmm.Reset:
		return machine.Lifecycle.OnReset == configs.Restart
	case vmm.GuestPanic, vmm.TripleFault:
		return machine.Lifecycle.OnPanic == configs.Restart
	default:
		return false
	}
}

// bootOnce runs the machine from power-on to its end. The signal is the one that
// asked for the end, or nil.
func bootOnce(ctx context.Context, a *app, o bootOptions, machine *configs.Machine) (_ vmm.Exit, _ os.Signal, err error) {
	dirs := guest.DirsFromEnv(a.Getenv)
	files, err := guest.Open(machine, dirs)
	if err != nil {
		return vmm.Exit{}, nil, err
	}
	defer files.Close()

	output, err := openSerial(machine, a.Stdout)
	if err != nil {
		return vmm.Exit{}, nil, err
	}
	defer func() { err = errors.Join(err, output.Close()) }()

	config := vmm.Config{
		Machine:      machine,
		Kernel:       vmm.Image(files.Kernel),
		Initrd:       vmm.Image(files.Initrd),
		Cmdline:      files.Cmdline,
		Console:      output,
		KVM:          o.kvm,
		AllowSlowKVM: o.slowKVM,
		Started:      a.Started,
		Log:          newLog(a.Stderr, o.verbose),
	}
	if o.dryRun {
		return vmm.Exit{}, nil, errors.Join(printPlan(a.Stdout, config), writeInitrd(o.initrd, config.Initrd))
	}
	opened, err := openHost(ctx, a, machine, dirs.Programs)
	if err != nil {
		return vmm.Exit{}, nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	set, err := peripherals.New(machine, opened.Files, peripherals.Options{
		Console: a.Stdout, VsockHost: opened.VsockHost, Log: config.Log,
	})
	if err != nil {
		return vmm.Exit{}, nil, fmt.Errorf("machine %q: %w", machine.Name, err)
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	for _, d := range set.Devices {
		config.Devices = append(config.Devices, vmm.Virtio(d))
	}
	m, err := vmm.New(config)
	if err != nil {
		return vmm.Exit{}, nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if err := files.Close(); err != nil { // they are in guest memory
		return vmm.Exit{}, nil, err
	}

	session, err := startConsole(a, m, set, machine)
	if err != nil {
		return vmm.Exit{}, nil, err
	}
	exit, interrupted := waitForEnd(ctx, m, machine.Lifecycle.StopTimeout.Duration(), a.Stderr)
	// The devices are let go before what stands behind them is drained and closed,
	// which also ends a write of the session's to a console that nobody reads.
	if err := errors.Join(m.Close(), set.Drain(drainTime), set.Close(), opened.Close(), session.stop()); err != nil {
		return exit, interrupted, err
	}
	if o.timeline {
		printTimeline(a.Stderr, m)
	}
	return exit, interrupted, nil
}

// waitForEnd starts the machine and waits until it has ended. A signal asks the
// guest to end by its power button, and is returned.
func waitForEnd(ctx context.Context, m *vmm.Machine, grace time.Duration, messages io.Writer) (vmm.Exit, os.Signal) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGQUIT, syscall.SIGUSR1)
	defer signal.Stop(signals)

	ended := make(chan vmm.Exit, 1)
	go func() { ended <- m.Run(ctx) }()

	var first os.Signal
	var timeout <-chan time.Time
	for {
		select {
		case exit := <-ended:
			return exit, first
		case s := <-signals:
			if s == syscall.SIGUSR1 {
				dump(m, messages)
				continue
			}
			if first == nil {
				first = s
			} else {
				m.Kill()
				continue
			}
			if s == syscall.SIGQUIT {
				dump(m, messages)
				m.Kill()
				continue
			}
			m.PowerButton()
			timer := time.NewTimer(grace)
			defer timer.Stop()
			timeout = timer.C
		case <-timeout:
			m.Kill()
		}
	}
}

func dump(m *vmm.Machine, messages io.Writer) {
	if err := m.Dump(messages); err != nil {
		fmt.Fprintf(messages, "hull: dump: %v\n", err)
	}
}

// drainTime is how long those may take to read who were connected to a guest that
// has ended.
const drainTime = 5 * time.Second

// openHost opens what stands behind the machine's devices.
func openHost(ctx context.Context, a *app, machine *configs.Machine, programs string) (*host.Host, error) {
	opened, err := host.Open(ctx, machine, host.Options{Programs: programs, Messages: a.Stderr})
	if err != nil {
		return nil, fmt.Errorf("machine %q: %w", machine.Name, err)
	}
	for _, p := range opened.Published {
		fmt.Fprintf(a.Stderr, "hull: machine %q: %v\n", machine.Name, p)
	}
	return opened, nil
}

// openSerial opens where the guest's serial console writes.
func openSerial(machine *configs.Machine, stdout io.Writer) (io.WriteCloser, error) {
	switch machine.Serial.Output {
	case configs.SerialFile:
		f, err := os.OpenFile(machine.Serial.Path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return nil, fmt.Errorf("serial console: %w", err)
		}
		return f, nil
	case configs.SerialNone:
		return nopCloser{io.Discard}, nil
	default:
		return nopCloser{stdout}, nil
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func newLog(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// printPlan says what would be loaded where.
func printPlan(w io.Writer, config vmm.Config) error {
	placed, err := vmm.Plan(config)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s\n# kernel:  %s\n", configs.Render(config.Machine), config.Kernel.Name)
	if config.Initrd.File != nil {
		fmt.Fprintf(w, "# initrd:  %s\n", config.Initrd.Name)
	}
	fmt.Fprintf(w, "# cmdline: %s\n#\n", config.Cmdline)
	for _, r := range placed {
		if _, err := fmt.Fprintf(w, "# %#012x  %10d bytes  %s\n", uint64(r.Addr), r.Size, r.Name); err != nil {
			return err
		}
	}
	return nil
}

func printTimeline(w io.Writer, m *vmm.Machine) {
	for _, mark := range m.Timeline() {
		fmt.Fprintf(w, "hull: timeline: %-8s %12.3f ms\n", mark.Name, float64(mark.At.Microseconds())/1000)
	}
}

// exitStatus says on stderr how the machine ended, where that is not what was
// asked for, and chooses hull's own status.
func exitStatus(a *app, machine *configs.Machine, exit vmm.Exit, interrupted os.Signal) error {
	if exit.Reason == vmm.PowerOff && interrupted == nil {
		if exit.Status == nil {
			return nil
		}
		if code := statusCode(*exit.Status); code != 0 {
			return &exitError{code: code}
		}
		return nil
	}
	fmt.Fprintf(a.Stderr, "hull: machine %q ended: %v\n", machine.Name, exit)
	if s, ok := interrupted.(syscall.Signal); ok && exit.Reason != vmm.InternalError {
		return &exitError{code: exitSignalBase + int(s)}
	}
	return &exitError{code: reasonCode(exit.Reason)}
}

// statusCode is a shell's way to put an exit code and a signal in one number.
func statusCode(s vmm.GuestStatus) int {
	if s.Signal != 0 {
		return exitSignalBase + s.Signal
	}
	return s.Code
}

func reasonCode(r vmm.Reason) int {
	switch r {
	case vmm.PowerOff:
		return 0
	case vmm.Reset:
		return exitReset
	case vmm.GuestPanic:
		return exitGuestPanic
	case vmm.TripleFault:
		return exitTripleFault
	case vmm.Killed:
		return exitKilled
	default:
		return exitInternalError
	}
}
