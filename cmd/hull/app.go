package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// app is the outside world of one run of hull: tests give it their own.
type app struct {
	Stdin  *os.File
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	// Started is when the process began: where a machine's timeline counts from.
	Started time.Time
}

// exitFailure is the status of a command that could not do what it was asked,
// for a reason outside the guest (docs/exit-codes.md).
const exitFailure = 125

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
		newBootCommand(a),
		newCompletionCommand(a),
		newDoctorCommand(a),
		newKernelCommand(a),
		newLabCommand(a),
		newManCommand(a),
		newServeCommand(a),
		newVersionCommand(a),
	)
	return root
}
