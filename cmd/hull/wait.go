package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newWaitCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "wait REF...",
		Short: "Wait for the end of instances, and print their exit statuses",
		Long: `Wait until instances have ended and will not be started again by their policy, and
print the exit status of each on a line, in the order in which they were named.`,
		Example:           "  hull wait web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, liveInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRef(cmd.Context(), args, func(ctx context.Context, e manager.Engine, ref string) (string, error) {
				exit, err := e.Wait(ctx, ref)
				return strconv.Itoa(exit.Code), err
			})
		},
	}
}
