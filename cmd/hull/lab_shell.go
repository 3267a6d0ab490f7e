package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

func newLabShellCommand(a *app) *cobra.Command {
	var o labExecOptions
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "Start a shell in a lab host",
		Long: `Start a shell in a lab host, in the same directory, and the host if it is not
there. Standard input that is no terminal is the shell's script.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runLabShell(cmd.Context(), a, o)
		},
	}
	cmd.Flags().StringVar(&o.host, "host", lab.DefaultName, "the host")
	o.labHostOptions.addFlags(cmd, true)
	o.labCommandOptions.addFlags(cmd)
	return cmd
}

func runLabShell(ctx context.Context, a *app, o labExecOptions) error {
	shell := a.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	o.up = true
	return runLabExec(ctx, a, o, []string{shell})
}
