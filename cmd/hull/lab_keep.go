package main

import (
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

// newLabKeepCommand is the process that stays with a lab host. Only hull itself
// starts it.
func newLabKeepCommand(*app) *cobra.Command {
	return &cobra.Command{
		Use:    "keep DIRECTORY CACHE",
		Short:  "Stay with a lab host until its end",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.Keep(cmd.Context(), args[0], args[1])
		},
	}
}
