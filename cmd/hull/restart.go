package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newRestartCommand(a *app) *cobra.Command {
	var timeout timeoutFlag
	cmd := &cobra.Command{
		Use:   "restart REF...",
		Short: "Stop instances and start them again",
		Long: `Stop instances as hull stop does, and start them again. One that does not run is
started.`,
		Example:           "  hull restart web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, anyInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRef(cmd.Context(), args, echo(func(ctx context.Context, e manager.Engine, ref string) error {
				return e.Restart(ctx, ref, manager.StopOptions{Timeout: timeout.value})
			}))
		},
	}
	cmd.Flags().VarP(&timeout, "timeout", "t", timeoutUsage)
	return cmd
}
