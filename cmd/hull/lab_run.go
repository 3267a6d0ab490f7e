package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

type labRunOptions struct {
	labCommandOptions
	labHostOptions
	verbose bool
}

func newLabRunCommand(a *app) *cobra.Command {
	var o labRunOptions
	cmd := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command in a lab host of its own",
		Long: `Start a lab host, run a command in it as 'hull lab exec' does, and end the host
whatever became of the command.`,
		Example: `  hull lab run -- hull boot configs/demo.toml`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLabRun(cmd.Context(), a, o, args)
		},
	}
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "say what the host is, on standard error")
	o.labHostOptions.addFlags(cmd, false)
	o.labCommandOptions.addFlags(cmd)
	return cmd
}

func runLabRun(ctx context.Context, a *app, o labRunOptions, args []string) (err error) {
	l, err := openLab(a)
	if err != nil {
		return err
	}
	// Where this process is killed, the host ends by itself soon after: its one
	// command is killed with us.
	o.idle = throwawayIdle
	starting, stop := interruptible(ctx)
	spec, err := o.spec(starting, a, "")
	if err != nil {
		stop()
		return err
	}
	status, err := l.Throwaway(starting, spec)
	stop()
	if err != nil {
		return err
	}
	defer func() {
		if downErr := l.Down(context.WithoutCancel(ctx), status.Name); downErr != nil {
			err = errors.Join(err, downErr)
		}
	}()
	if o.verbose || !status.Mended {
		fmt.Fprintf(a.Stderr, "hull: lab host %q is up: %s\n", status.Name, describe(status))
	}
	return inHost(ctx, a, l, status.Name, o.labCommandOptions, args)
}
