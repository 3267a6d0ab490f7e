package main

import (
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newPauseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pause REF...",
		Short: "Hold the virtual CPUs of running instances",
		Long: `Hold the virtual CPUs of running instances. Their memory stays where it is, and
their clocks stand still until hull unpause.`,
		Example:           "  hull pause web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, runningInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRef(cmd.Context(), args, echo(verb(manager.Engine.Pause)))
		},
	}
}
