package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func newSnapshotVerifyCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "verify NAME...",
		Short: "Read all of snapshots, and hold it against their checksums",
		Long: `Read all of snapshots, one after the other, and hold it against their checksums.
Each that is whole is named on standard output; hull ends with 1 where one is not.`,
		Example:           "  hull snapshot verify before-update",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeSnapshots(a, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runSnapshotVerify(cmd.Context(), a, args)
		},
	}
}

// runSnapshotVerify does not look at several at once: they are on one disk.
func runSnapshotVerify(ctx context.Context, a *app, list []string) error {
	engine, err := a.engine()
	if err != nil {
		return refusal(err)
	}
	var failed error
	for _, name := range list {
		bar := a.progress(name)
		err := engine.VerifySnapshot(ctx, name, bar.update())
		bar.clear()
		if err != nil {
			failed = &exitError{code: exitRefused}
			fmt.Fprintf(a.Stderr, "hull: %v\n", explainedSnapshot(err))
			continue
		}
		fmt.Fprintf(a.Stdout, "%s: ok\n", name)
	}
	return failed
}
