package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/terminal"
	"github.com/hullvm/hull/lab"
)

// Statuses of exec, run and shell where the program did not start, as a shell
// has them (docs/exit-codes.md).
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// labCommandOptions are how a command runs in a host.
type labCommandOptions struct {
	noTTY bool
	watch time.Duration
}

func (o *labCommandOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVarP(&o.noTTY, "no-tty", "T", false, "give the command no terminal, even where this one has one")
	f.DurationVar(&o.watch, "watch", 0, "write a report of the host to standard error when the command is silent for so long")
	// What follows the command is the command's.
	f.SetInterspersed(false)
}

type labExecOptions struct {
	labCommandOptions
	labHostOptions
	host string
	up   bool
}

func newLabExecCommand(a *app) *cobra.Command {
	var o labExecOptions
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command in a lab host",
		Long: `Run a command in a lab host, in the same directory and environment, with this
command's standard input, output and error. SIGINT, SIGTERM, SIGHUP and SIGQUIT
go to the command's process group. What it leaves running when it ends is
killed.

hull ends with the command's exit code, with 128 and the number of the signal
that killed it, with 126 or 127 where it could not be run or found, and with 125
where the lab failed.`,
		Example: `  hull lab exec --up -- ls -l /dev/kvm
  go test -exec 'hull lab exec --up --' ./vmm/...`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLabExec(cmd.Context(), a, o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.host, "host", lab.DefaultName, "the host")
	f.BoolVar(&o.up, "up", false, "start the host if it is not there")
	o.labHostOptions.addFlags(cmd, true)
	o.labCommandOptions.addFlags(cmd)
	return cmd
}

func runLabExec(ctx context.Context, a *app, o labExecOptions, args []string) error {
	l, err := openLab(a)
	if err != nil {
		return err
	}
	status, err := l.Status(o.host)
	running := err == nil && status.State == lab.Running && (o.network == "" || o.network == status.Network)
	switch {
	case running:
	case !o.up && errors.Is(err, lab.ErrNoHost):
		return fmt.Errorf("%w: start it (hull lab up), or give --up", err)
	case !o.up && err == nil:
		if status.State == lab.Starting {
			return fmt.Errorf("lab host %q: it is starting", o.host)
		}
		return fmt.Errorf("lab host %q: it is dead (%s), its files are in %s: start it anew (hull lab up), or give --up", o.host, status.Why, status.Dir)
	case o.up:
		if err := upForExec(ctx, a, l, &o); err != nil {
			return err
		}
	default:
		return err
	}
	return inHost(ctx, a, l, o.host, o.labCommandOptions, args)
}

// upForExec starts the host while others that want the same wait.
func upForExec(ctx context.Context, a *app, l *lab.Lab, o *labExecOptions) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	spec, err := o.spec(ctx, a, o.host)
	if err != nil {
		return err
	}
	status, fresh, err := l.Up(ctx, spec)
	if err != nil {
		return err
	}
	if fresh {
		fmt.Fprintf(a.Stderr, "hull: lab host %q is up: %s\n", o.host, describe(status))
	}
	return nil
}

// labEnv is the environment of a command in a host: this one, the host's name,
// and whether its emulator has bugs that the lab knows how to mend.
func labEnv(l *lab.Lab, host string) []string {
	env := append(os.Environ(), "HULL_LAB="+host)
	if status, err := l.Status(host); err == nil && !status.Mended {
		env = append(env, "HULL_LAB_UNMENDED=1")
	}
	return env
}

// inHost runs a command in a host that is there, and turns its end into ours.
func inHost(ctx context.Context, a *app, l *lab.Lab, host string, o labCommandOptions, args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("lab: working directory: %w", err)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, unix.SIGWINCH)
	defer signal.Stop(signals)
	stdout, _ := a.Stdout.(*os.File)
	stderr, _ := a.Stderr.(*os.File)
	status, err := l.Exec(ctx, host, lab.Command{
		Args: args, Env: labEnv(l, host), Dir: dir,
		Stdin: a.Stdin, Stdout: stdout, Stderr: stderr,
		TTY:     !o.noTTY && terminal.IsTerminal(a.Stdin) && terminal.IsTerminal(stdout),
		Signals: signals,
		Watch:   o.watch,
	})
	var start *lab.StartError
	switch {
	case errors.As(err, &start):
		code := exitCannotRun
		if start.Errno == unix.ENOENT {
			code = exitNotFound
		}
		return &exitError{code: code, err: err}
	case err != nil:
		return err
	case status != 0:
		return &exitError{code: status}
	}
	return nil
}
