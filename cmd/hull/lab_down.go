package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

func newLabDownCommand(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down [NAME...]",
		Short: "End lab hosts",
		Long: "End lab hosts with all that runs in them: those named, all with --all, or " + lab.DefaultName + `.
--all also removes what dead hosts left.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runLabDown(cmd.Context(), a, all, args)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end all hosts, and remove what dead ones left")
	return cmd
}

func runLabDown(ctx context.Context, a *app, all bool, names []string) error {
	if all && len(names) > 0 {
		return errors.New("lab: --all and names: give one of them")
	}
	l, err := openLab(a)
	if err != nil {
		return err
	}
	switch {
	case all:
		hosts, err := l.Hosts()
		if err != nil {
			return err
		}
		for _, h := range hosts {
			names = append(names, h.Name)
		}
	case len(names) == 0:
		names = []string{lab.DefaultName}
	}
	var errs []error
	for _, name := range names {
		err := l.Down(ctx, name)
		if all && errors.Is(err, lab.ErrNoHost) {
			err = nil // it ended meanwhile
		}
		errs = append(errs, err)
	}
	if all {
		errs = append(errs, l.RemoveRemains())
	}
	return errors.Join(errs...)
}
