package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func newRmCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm REF...",
		Short: "Remove instances that do not run, with their logs",
		Long: `Remove instances that do not run, with their logs. What they used and did not make
stays: disks, shared folders, the machine file.

With -f those that run are killed before, those whose files cannot be read go too,
and one that is not there is no failure.`,
		Example:           "  hull rm web\n  hull rm -f $(hull ps -aq)",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, anyInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRef(cmd.Context(), args, func(ctx context.Context, e manager.Engine, ref string) (string, error) {
				err := e.Remove(ctx, ref, manager.RemoveOptions{Force: force})
				if force && instance.KindOf(err) == instance.KindNotFound {
					return "", nil
				}
				return ref, err
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill those that run, and pass over those that are not there")
	return cmd
}
