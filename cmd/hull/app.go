package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

// app is the outside world of one run of hull: tests give it their own.
type app struct {
	Stdin  *os.File
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	// Started is when the process began: where a machine's timeline counts from.
	Started time.Time

	// Engine looks after instances; nil is for those of this host.
	Engine func() (manager.Engine, error)
	// Now and After are the clock; nil is for the host's.
	Now   func() time.Time
	After func(time.Duration) <-chan time.Time
}

// engine opens what looks after instances.
func (a *app) engine() (manager.Engine, error) {
	if a.Engine != nil {
		return a.Engine()
	}
	return manager.Open(manager.DirsFromEnv(a.Getenv), newLog(a.Stderr, false))
}

func (a *app) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

func (a *app) after(d time.Duration) <-chan time.Time {
	if a.After != nil {
		return a.After(d)
	}
	return time.After(d)
}

// exitError carries the status that hull ends with. A nil err ends hull
// without a word: the code itself is the message, as that of a guest's program.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// main runs one command line and returns the exit status.
func (a *app) main(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetIn(a.Stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitFailure
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		err = exit.err
	}
	if err != nil {
		fmt.Fprintf(a.Stderr, "hull: %v\n", err)
	}
	return code
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "hull",
		Short:         "Boot and manage virtual machines under KVM",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.AddCommand(
		newAttachCommand(a),
		newBootCommand(a),
		newCloneCommand(a),
		newCompletionCommand(a),
		newCpCommand(a),
		newCreateCommand(a),
		newDoctorCommand(a),
		newEventsCommand(a),
		newExecCommand(a),
		newInspectCommand(a),
		newKernelCommand(a),
		newKillCommand(a),
		newLabCommand(a),
		newLogsCommand(a),
		newManCommand(a),
		newMigrateCommand(a),
		newPauseCommand(a),
		newPsCommand(a),
		newReceiveCommand(a),
		newRecoverCommand(a),
		newRenameCommand(a),
		newRestartCommand(a),
		newRestoreCommand(a),
		newRmCommand(a),
		newServeCommand(a),
		newSnapshotCommand(a),
		newStartCommand(a),
		newStatsCommand(a),
		newStopCommand(a),
		newTopCommand(a),
		newUnpauseCommand(a),
		newUpdateCommand(a),
		newVersionCommand(a),
		newWaitCommand(a),
	)
	explainArguments(root)
	return root
}
