package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func newRecoverCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "recover",
		Short: "Bring to order what a host or a supervisor that went down has left",
		Long: `Bring to order what a host or a supervisor that went down has left: write down how
its instances ended, clear away what they left, and start again those whose restart
policy says so. The ids of those are printed. Run it once when the host has
started.`,
		Example:           "  hull recover",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return refusal(runRecover(cmd.Context(), a)) },
	}
}

func runRecover(ctx context.Context, a *app) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	started, err := engine.Recover(ctx)
	for _, id := range started {
		_, e := fmt.Fprintln(a.Stdout, id)
		err = errors.Join(err, e)
	}
	return err
}
