package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newSnapshotInspectCommand(a *app) *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "inspect NAME...",
		Short: "Say all that is known of snapshots",
		Long: `Say all that is known of snapshots, as an array of JSON objects.

--format json puts the array on one line. A template of Go's (text/template) is
filled in for each snapshot; its fields are those of the JSON objects, named as Go
does: .Name .Created .Instance .Memory .Pause .DiskFiles .Dependents.`,
		Example: `  hull snapshot inspect before-update
  hull snapshot inspect --format '{{join .Dependents " "}}' before-update`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeSnapshots(a, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return snapshotRefusal(runSnapshotInspect(cmd.Context(), a, text, args))
		},
	}
	cmd.Flags().StringVar(&text, "format", "", "json, or a template of Go's (text/template) for each snapshot")
	completeFlag(cmd, "format", "json")
	return cmd
}

func runSnapshotInspect(ctx context.Context, a *app, text string, list []string) error {
	f, err := inspectFormat(text, "a snapshot")
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	details, failed := describeEach(a, list, explainedSnapshot, func(name string) (*manager.SnapshotDetail, error) {
		return engine.InspectSnapshot(ctx, name)
	})
	if err := printDetails(a, f, details); err != nil {
		return err
	}
	return failed
}
