package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/guest/kernel"
	"github.com/hullvm/hull/internal/terminal"
)

// defaultKernelPackage depends on the newest kernel made for virtual machines.
const defaultKernelPackage = "linux-image-cloud-amd64"

type kernelPullOptions struct {
	release, name string
}

func newKernelPullCommand(a *app) *cobra.Command {
	var o kernelPullOptions
	cmd := &cobra.Command{
		Use:   "pull [PACKAGE]",
		Short: "Get a kernel from Debian's archive",
		Long: `Download a kernel's package with apt, and put the kernel into the store under
its release, or the name given. The host's own packages stay as they are.

PACKAGE is a kernel's package or one that depends on the newest:
linux-image-cloud-amd64 (made for virtual machines, the default) or
linux-image-amd64 (all modules; lab hosts run it).`,
		Example: `  hull kernel pull --name debian-cloud
  hull kernel pull linux-image-amd64 --release trixie --name trixie`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := defaultKernelPackage
			if len(args) > 0 {
				name = args[0]
			}
			return runKernelPull(cmd.Context(), a, o, name)
		},
	}
	cmd.Flags().StringVar(&o.release, "release", "", "the Debian release, such as trixie; the host's own where it is not given")
	cmd.Flags().StringVar(&o.name, "name", "", "the kernel's name in the store; its release where it is not given")
	return cmd
}

func runKernelPull(ctx context.Context, a *app, o kernelPullOptions, name string) error {
	var progress io.Writer
	if f, ok := a.Stderr.(*os.File); ok && terminal.IsTerminal(f) {
		progress = f
	}
	bundle, err := a.kernelStore().PullDebian(ctx, kernel.PullOptions{
		Package: name, Release: o.release, Name: o.name, Progress: progress,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, bundle.Name)
	return nil
}
