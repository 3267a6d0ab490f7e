package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/guest/kernel"
)

func newKernelCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kernel",
		Short: "Keep the kernels that machines boot",
		Long: `A kernel of the store is a bundle: the image of a distribution's kernel, the
modules that guests and lab hosts can use, and a manifest. [boot] kernel names
one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newKernelPullCommand(a),
		newKernelImportCommand(a),
		newKernelLsCommand(a),
		newKernelRmCommand(a),
	)
	return cmd
}

func (a *app) kernelStore() *kernel.Store {
	return kernel.OpenStore(guest.DirsFromEnv(a.Getenv).Kernels)
}

func newKernelRmCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove kernels from the store",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			var errs []error
			for _, name := range names {
				if err := a.kernelStore().Remove(name); err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintln(a.Stdout, name)
			}
			return errors.Join(errs...)
		},
	}
}
