package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type restoreCommandOptions struct {
	restoreOptions
	attach attachOptions
	detach bool
}

func newRestoreCommand(a *app) *cobra.Command {
	var o restoreCommandOptions
	cmd := &cobra.Command{
		Use:   "restore SNAPSHOT",
		Short: "Go on where a snapshot was taken",
		Long: `Make an instance of a snapshot that goes on where the snapshot was taken, as the
machine that it was: with its name, its addresses, and what it was doing. For another
machine beside it, see hull clone.

hull joins its console as hull attach does, and ends with its exit status. With -d it
prints the instance's id and ends.`,
		Example:           "  hull restore -d before-update\n  hull restore --name web-again --rm before-update",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeSnapshots(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runFailure(runRestore(cmd.Context(), a, &o, args[0]))
		},
	}
	o.restoreOptions.register(cmd, "the instance's name (default: the one that it had)")
	o.attach.register(cmd)
	cmd.Flags().BoolVarP(&o.detach, "detach", "d", false, "leave it in the background")
	return cmd
}

func runRestore(ctx context.Context, a *app, o *restoreCommandOptions, name string) error {
	if o.paused && !o.detach {
		return errors.New("--paused: the console of an instance that is paused cannot be joined; add -d")
	}
	options, err := o.engineOptions()
	if err != nil {
		return err
	}
	keys, err := o.attach.keys()
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	began := a.now()
	d, err := restore(ctx, engine, name, options)
	if err != nil {
		return madeOf(err)
	}
	if o.detach {
		_, err = fmt.Fprintln(a.Stdout, d.ID)
		return err
	}
	return joinMade(ctx, a, engine, &o.attach, keys, d, began)
}

// restore makes an instance. An interrupt ends that in order: nothing is left of it
// then.
func restore(ctx context.Context, engine manager.Engine, name string, o manager.RestoreOptions) (*instance.Description, error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	return engine.Restore(ctx, name, o)
}
