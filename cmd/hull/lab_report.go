package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

func newLabReportCommand(a *app) *cobra.Command {
	host := lab.DefaultName
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Say where a lab host and its guests are, when something hangs",
		Long: `Print where a lab host's processors are, by their registers and the symbols of
its kernel, what its KVM has counted, and where the threads of monitors in it
wait. While a processor runs a guest of the host, its registers are the guest's.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLabReport(cmd.Context(), a, host)
		},
	}
	cmd.Flags().StringVar(&host, "host", host, "the host")
	return cmd
}

func runLabReport(ctx context.Context, a *app, host string) error {
	l, err := openLab(a)
	if err != nil {
		return err
	}
	text, err := l.Report(ctx, host)
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.Stdout, text)
	return err
}
