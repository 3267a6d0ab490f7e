package main

import (
	"github.com/spf13/cobra"
)

func newRenameCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "rename REF NAME",
		Short:             "Give an instance another name",
		Example:           "  hull rename web web-old",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeRefs(a, 1, anyInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := a.engine()
			if err != nil {
				return refusal(err)
			}
			return refusal(engine.Rename(cmd.Context(), args[0], args[1]))
		},
	}
}
