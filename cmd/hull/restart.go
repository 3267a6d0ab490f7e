package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
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
				return restart(ctx, e, ref, timeout)
			}))
		},
	}
	cmd.Flags().VarP(&timeout, "timeout", "t", timeoutUsage)
	return cmd
}

func restart(ctx context.Context, e manager.Engine, ref string, timeout timeoutFlag) error {
	d, err := e.Inspect(ctx, ref)
	if err != nil {
		return err
	}
	if d.AutoRemove {
		return &instance.Error{Kind: instance.KindWrongState, Err: fmt.Errorf(
			"instance %q: restart: it is removed when it ends (--rm), so there would be none to start; stop it, and boot its machine file again", ref)}
	}
	if err := e.Stop(ctx, ref, manager.StopOptions{Timeout: timeout.value}); err != nil {
		return err
	}
	return e.Start(ctx, ref)
}
