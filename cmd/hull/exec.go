package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/internal/terminal"
	"github.com/hullvm/hull/manager"
)

type execOptions struct {
	interactive, tty, detach bool

	env, envFiles            []string
	workdir, user, detachKey string
}

func newExecCommand(a *app) *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:   "exec [flags] REF COMMAND [ARG...]",
		Short: "Run a program in a running guest",
		Long: `Run a program in a running guest, by its agent, and end with its exit status: 126
where it could not be run, 127 where it was not found, 128 + N where signal N ended
it. Options stand before the instance.

Without -t the signals that hull gets go to the program. With -i and -t, the keys of
--detach-keys leave the program alone, and it goes on.`,
		Example: `  hull exec web uptime
  hull exec -it web sh
  hull exec -i web sh -c 'cat > /tmp/a' < a`,
		Args: cobra.MinimumNArgs(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeRefs(a, 1, runningInstance)(cmd, args, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runFailure(runExec(cmd.Context(), a, &o, args[0], args[1:]))
		},
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&o.interactive, "interactive", "i", false, "give the program hull's standard input")
	f.BoolVarP(&o.tty, "tty", "t", false, "give the program a terminal")
	f.BoolVarP(&o.detach, "detach", "d", false, "start the program and leave it alone")
	f.StringArrayVarP(&o.env, "env", "e", nil, "set an environment variable, as `NAME=value`, or NAME for hull's own; may be repeated")
	f.StringArrayVar(&o.envFiles, "env-file", nil, "set the environment variables of a `file`, one a line; may be repeated")
	f.StringVarP(&o.workdir, "workdir", "w", "", "the program's working `folder` (default /)")
	f.StringVarP(&o.user, "user", "u", "", "who runs it: a name or number of the guest, as `USER[:GROUP]` (default root)")
	addDetachKeys(cmd, &o.detachKey)
	cmd.MarkFlagsMutuallyExclusive("detach", "interactive")
	cmd.MarkFlagsMutuallyExclusive("detach", "tty")
	_ = cmd.MarkFlagFilename("env-file")
	return cmd
}

// addDetachKeys gives a command --detach-keys.
func addDetachKeys(cmd *cobra.Command, keys *string) {
	cmd.Flags().StringVar(keys, "detach-keys", terminal.DefaultDetachKeys, "the `keys` that leave, and let it go on: characters or ctrl-X, with commas between; empty for none")
	completeFlag(cmd, "detach-keys", terminal.DefaultDetachKeys)
}

// defaultTerm is the terminal of a program where hull does not know its own.
const defaultTerm = "xterm"

func runExec(ctx context.Context, a *app, o *execOptions, ref string, args []string) error {
	keys, err := terminal.ParseDetachKeys(o.detachKey)
	if err != nil {
		return fmt.Errorf("--detach-keys: %w", err)
	}
	env, err := execEnv(a, o)
	if err != nil {
		return err
	}
	if o.tty && o.interactive && !terminal.IsTerminal(a.Stdin) {
		return errors.New("-t: standard input is not a terminal; leave -t out, or -i")
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	options := manager.ExecOptions{User: o.user, Command: agent.Command{
		Args: args, Env: env, Dir: o.workdir, TTY: o.tty,
	}}
	if o.detach {
		p, err := engine.Exec(ctx, ref, options)
		if err != nil {
			return execFailure(err)
		}
		return p.Close()
	}
	options.Command.Stdout = a.Stdout
	if !o.tty {
		options.Command.Stderr = a.Stderr
	}
	var k *keyboard
	if o.interactive && a.Stdin != nil {
		if k, err = openKeyboard(a.Stdin, o.tty, keys); err != nil {
			return err
		}
		defer func() { _ = k.close() }() // where it was not closed before
		options.Command.Stdin = k
		if o.tty {
			options.Command.Stdout = k.output(a.Stdout)
			options.Command.Size = k.size()
		}
	}
	p, err := engine.Exec(ctx, ref, options)
	if err != nil {
		return execFailure(err)
	}
	return attend(ctx, a, p, k, ref, o.tty)
}

// execFailure gives the failure to start a program its status.
func execFailure(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return withCode(err, exitNotThere, explained)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOEXEC):
		return withCode(err, exitNotExecutable, explained)
	default:
		return err
	}
}

// attend waits for a program's end, or until somebody leaves it.
func attend(ctx context.Context, a *app, p manager.Execution, k *keyboard, ref string, tty bool) error {
	var detached <-chan struct{} // none for nil
	if k != nil {
		detached = k.detach.Detached()
		if err := k.begin(ctx, func(_ context.Context, s agent.WinSize) error { return p.Resize(s) }); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	send := p.Signal
	if tty {
		send = nil // its keys make the program's signals
	}
	left, stop := watchSignals(send, a.Stderr)
	defer stop()
	type end struct {
		exit agent.Exit
		err  error
	}
	ended := make(chan end, 1)
	go func() {
		exit, err := p.Wait(ctx)
		ended <- end{exit, err}
	}()
	var err error
	var leftBy syscall.Signal
	select {
	case e := <-ended:
		if err = e.err; err != nil {
			err = fmt.Errorf("instance %q: exec: %w: the instance has ended, or its agent has", ref, err)
		} else if code := e.exit.Status(); code != 0 {
			err = &exitError{code: code}
		}
	case <-detached:
	case leftBy = <-left:
		err = &exitError{code: exitSignalBase + int(leftBy)}
	}
	closed := p.Close()
	if k != nil {
		closed = errors.Join(closed, k.close())
	}
	if err != nil {
		return err
	}
	return closed
}
