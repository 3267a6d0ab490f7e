package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

type kernelLsOptions struct {
	quiet  bool
	format string
}

func newKernelLsCommand(a *app) *cobra.Command {
	var o kernelLsOptions
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the kernels of the store",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return runKernelLs(a, o) },
	}
	cmd.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "names only")
	cmd.Flags().StringVar(&o.format, "format", "table", "table or json")
	return cmd
}

// kernelRow is a kernel as --format json shows it.
type kernelRow struct {
	Name    string `json:"name"`
	Release string `json:"release"`
	Image   string `json:"image"`  // path
	Format  string `json:"format"` // of the image
	Size    int64  `json:"size"`   // of the image, in bytes
	Modules int    `json:"modules"`
	Source  string `json:"source"`
}

func runKernelLs(a *app, o kernelLsOptions) error {
	if o.format != "table" && o.format != "json" {
		return fmt.Errorf("--format %q: neither table nor json", o.format)
	}
	bundles, broken := a.kernelStore().List()
	rows := []kernelRow{}
	for _, b := range bundles {
		rows = append(rows, kernelRow{
			b.Name, b.Manifest.Release, b.Image(), b.Manifest.Image.Format, b.Manifest.Image.Size,
			len(b.Manifest.Modules), b.Manifest.Source,
		})
	}
	var err error
	switch {
	case o.quiet:
		for _, r := range rows {
			fmt.Fprintln(a.Stdout, r.Name)
		}
	case o.format == "json":
		e := json.NewEncoder(a.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(rows)
	default:
		t := tabwriter.NewWriter(a.Stdout, 0, 0, 3, ' ', 0)
		fmt.Fprintln(t, "NAME\tRELEASE\tIMAGE\tMODULES\tSOURCE")
		for _, r := range rows {
			fmt.Fprintf(t, "%s\t%s\t%.1fMB\t%d\t%s\n", r.Name, r.Release, float64(r.Size)/1e6, r.Modules, r.Source)
		}
		err = t.Flush()
	}
	return errors.Join(err, broken)
}
