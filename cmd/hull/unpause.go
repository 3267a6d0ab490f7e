package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newUnpauseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "unpause REF...",
		Short:             "Let paused instances go on",
		Example:           "  hull unpause web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, pausedInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachRef(cmd.Context(), args, echo(verb(manager.Engine.Unpause)))
		},
	}
}

// verb is a method of an engine as eachRef calls it.
func verb(method func(manager.Engine, context.Context, string) error) func(context.Context, manager.Engine, string) error {
	return func(ctx context.Context, e manager.Engine, ref string) error { return method(e, ctx, ref) }
}
