package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

type cloneCommandOptions struct {
	restoreOptions
	count int
}

func newCloneCommand(a *app) *cobra.Command {
	var o cloneCommandOptions
	cmd := &cobra.Command{
		Use:   "clone SNAPSHOT",
		Short: "Make instances of a snapshot, each a machine of its own",
		Long: `Make instances of a snapshot that run in the background, and print their ids, one a
line. Each goes on where the snapshot was taken, but as a machine of its own: it has
its name, addresses, random numbers and disks before the guest's programs go on.

Those that were made before a failure stay, and their ids are printed.`,
		Example:           "  hull clone template\n  hull clone -n 3 --name worker template",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeSnapshots(a, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runFailure(runClone(cmd.Context(), a, &o, args[0]))
		},
	}
	o.register(cmd, "the instance's name; with -n, what stands before the numbers: `PREFIX`-1, PREFIX-2 (default: names that are made up)")
	cmd.Flags().IntVarP(&o.count, "count", "n", 1, "how many to make, `N` of at most "+fmt.Sprint(manager.MaxClones))
	return cmd
}

func runClone(ctx context.Context, a *app, o *cloneCommandOptions, name string) error {
	options := manager.CloneOptions{Count: o.count}
	if err := options.CheckCount(); err != nil {
		return err
	}
	var err error
	if options.RestoreOptions, err = o.engineOptions(); err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	// An interrupt ends it in order: those that are not whole go.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	made, failure := engine.Clone(ctx, name, options)
	for _, d := range made {
		if _, err := fmt.Fprintln(a.Stdout, d.ID); err != nil {
			return err
		}
	}
	return madeOf(failure)
}
