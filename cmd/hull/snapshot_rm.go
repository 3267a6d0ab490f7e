package main

import (
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func newSnapshotRmCommand(a *app) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove snapshots",
		Long: `Remove snapshots. One that instances were made of stays while their disks need it:
remove them before.

With -f one whose files cannot be read goes too, and one that is not there is no
failure.`,
		Example:           "  hull snapshot rm before-update\n  hull snapshot rm $(hull snapshot ls -q)",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeSnapshots(a, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := a.engine()
			if err != nil {
				return refusal(err)
			}
			return a.each(args, explainedSnapshot, func(name string) (string, error) {
				err := engine.RemoveSnapshot(cmd.Context(), name, manager.RemoveOptions{Force: force})
				if force && instance.KindOf(err) == instance.KindNotFound {
					return "", nil
				}
				return name, err
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also those that cannot be read, and pass over those that are not there")
	return cmd
}
