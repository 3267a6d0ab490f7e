package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func newCreateCommand(a *app) *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:   "create FILE.toml",
		Short: "Make an instance of a machine file, without starting it",
		Long: `Make an instance of a machine file, without starting it, and print its id. The file
is kept with every value filled in: later changes of it do nothing to the instance.`,
		Example:           "  hull create --name web web.toml && hull start web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeMachineFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runFailure(runCreate(cmd.Context(), a, &o, args[0]))
		},
	}
	o.register(cmd)
	return cmd
}

func runCreate(ctx context.Context, a *app, o *createOptions, path string) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	d, err := create(ctx, engine, o, path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Stdout, d.ID)
	return err
}

func create(ctx context.Context, engine manager.Engine, o *createOptions, path string) (*instance.Description, error) {
	machine, err := o.load(path)
	if err != nil {
		return nil, err
	}
	options, err := o.engineOptions(machine)
	if err != nil {
		return nil, err
	}
	return engine.Create(ctx, options)
}
