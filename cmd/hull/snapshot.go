package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
)

func newSnapshotCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Keep snapshots of running instances",
		Long: `A snapshot is what an instance was at one moment: its machine, its memory, and what
its disks held. hull restore makes an instance of it that goes on from there, and
hull clone makes any number, each a machine of its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newSnapshotCreateCommand(a),
		newSnapshotInspectCommand(a),
		newSnapshotLsCommand(a),
		newSnapshotRmCommand(a),
		newSnapshotVerifyCommand(a),
	)
	return cmd
}

// explainedSnapshot says what to do about a failure with a snapshot that does not
// say it itself.
func explainedSnapshot(err error) error {
	return withHint(err, instance.KindNotFound, "hull snapshot ls lists all there are")
}

// snapshotRefusal gives a failure with a snapshot the status of a command that runs
// no program.
func snapshotRefusal(err error) error { return withCode(err, codeOf(err).other, explainedSnapshot) }

// madeOf gives a failure to make instances of a snapshot its status, and says what to
// do about it.
func madeOf(err error) error {
	return withCode(err, codeOf(err).run, func(err error) error {
		return withHint(explainedSnapshot(err), instance.KindNameTaken, "give another by --name")
	})
}

// checkNewName refuses what can be no name of something that is to be made, before
// any work is done for it. Empty is for the engine to choose.
func checkNewName(name string) error {
	if name == "" {
		return nil
	}
	if err := names.Valid(name); err != nil {
		return &instance.Error{Kind: instance.KindInvalid, Err: err}
	}
	return nil
}

// completeSnapshots completes the names of snapshots.
func completeSnapshots(a *app, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return snapshotNames(cmd.Context(), a, args), cobra.ShellCompDirectiveNoFileComp
	}
}

// snapshotNames are the names of snapshots that are none of given.
func snapshotNames(ctx context.Context, a *app, given []string) []cobra.Completion {
	engine, err := a.engine()
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
		return nil
	}
	list, err := engine.ListSnapshots(ctx)
	if err != nil {
		cobra.CompDebugln(err.Error(), false)
		return nil
	}
	seen := make(map[string]bool)
	for _, name := range given {
		seen[name] = true
	}
	var completions []cobra.Completion
	for _, s := range list {
		if seen[s.Name] {
			continue
		}
		about := fmt.Sprintf("of %s, %s", s.Instance, printable(s.Kernel))
		if s.Problem != "" {
			about = "unusable"
		}
		completions = append(completions, cobra.CompletionWithDesc(s.Name, about))
	}
	return completions
}
