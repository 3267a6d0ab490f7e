package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

// timeoutUsage is the help of -t.
const timeoutUsage = "how long the guest may take to end, in `seconds` or with a unit, before it is killed; -1 is for ever (default: its lifecycle.stop_timeout)"

func newStopCommand(a *app) *cobra.Command {
	var timeout timeoutFlag
	cmd := &cobra.Command{
		Use:   "stop REF...",
		Short: "Ask guests to end, and kill those that do not",
		Long: `Ask guests to end, by their agents and their power buttons, and kill those that
have not in time. Each is named on standard output when it has ended. It is no
failure to stop an instance that does not run.`,
		Example:           "  hull stop web\n  hull stop -t 60 web db",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, liveInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRef(cmd.Context(), args, echo(func(ctx context.Context, e manager.Engine, ref string) error {
				return e.Stop(ctx, ref, manager.StopOptions{Timeout: timeout.value})
			}))
		},
	}
	cmd.Flags().VarP(&timeout, "timeout", "t", timeoutUsage)
	return cmd
}
