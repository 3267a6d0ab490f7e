package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/guest/kernel"
)

type kernelImportOptions struct {
	vmlinuz, modules, name string
	host                   bool
}

func newKernelImportCommand(a *app) *cobra.Command {
	var o kernelImportOptions
	cmd := &cobra.Command{
		Use:   "import FILE.deb | --vmlinuz FILE [--modules DIR] | --host",
		Short: "Put a kernel that is on this host into the store",
		Example: `  hull kernel import linux-image-6.1.0-50-cloud-amd64_6.1.176-1_amd64.deb
  hull kernel import --vmlinuz arch/x86/boot/bzImage --modules /lib/modules/6.12.1 --name mine
  hull kernel import --host`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runKernelImport(cmd.Context(), a, o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.vmlinuz, "vmlinuz", "", "a kernel image: bzImage or ELF")
	f.StringVar(&o.modules, "modules", "", "the folder of its modules, such as /lib/modules/RELEASE")
	f.BoolVar(&o.host, "host", false, "the running host's kernel")
	f.StringVar(&o.name, "name", "", "the kernel's name in the store; its release where it is not given")
	return cmd
}

func runKernelImport(ctx context.Context, a *app, o kernelImportOptions, args []string) error {
	sources := len(args)
	if o.vmlinuz != "" {
		sources++
	}
	if o.host {
		sources++
	}
	if sources != 1 {
		return errors.New("kernel import: give one of FILE.deb, --vmlinuz FILE and --host")
	}
	if o.modules != "" && o.vmlinuz == "" {
		return errors.New("kernel import: --modules goes with --vmlinuz")
	}
	store := a.kernelStore()
	var bundle *kernel.Bundle
	var err error
	switch {
	case o.host:
		bundle, err = store.ImportHost(ctx, o.name)
	case o.vmlinuz != "":
		bundle, err = store.ImportImage(ctx, o.vmlinuz, o.modules, o.name)
	default:
		bundle, err = store.ImportDeb(ctx, args[0], o.name)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(a.Stdout, bundle.Name)
	return nil
}
