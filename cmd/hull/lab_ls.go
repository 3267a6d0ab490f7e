package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/lab"
)

func newLabLsCommand(a *app) *cobra.Command {
	format := "table"
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list", "ps"},
		Short:   "List the lab hosts",
		Long: `List the lab hosts. One that ended without being told to is dead. What it left,
the logs of its kernel, its emulator and its keeper, stays where the list says;
when a host of its name is started again it becomes NAME.dead-N. The newest few
of those are kept, until 'hull lab down --all'.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return runLabLs(a, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "table or json")
	return cmd
}

func runLabLs(a *app, format string) error {
	if format != "table" && format != "json" {
		return fmt.Errorf("lab: --format: %q is neither table nor json", format)
	}
	l, err := openLab(a)
	if err != nil {
		return err
	}
	hosts, err := l.Hosts()
	if err != nil {
		return err
	}
	hosts = append(hosts, l.Remains()...)
	if format == "json" {
		if hosts == nil {
			hosts = []lab.Status{}
		}
		enc := json.NewEncoder(a.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(hosts)
	}
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tPID\tCPUS\tMEMORY\tKERNEL\tUP\tMENDED\tNETWORK")
	for _, h := range hosts {
		up := "-"
		if h.State != lab.Dead && !h.Started.IsZero() {
			up = time.Since(h.Started).Round(time.Second).String()
		}
		mended := "no"
		if h.Mended {
			mended = "yes"
		}
		network := "-"
		if h.Network != "" {
			network = h.Network + " " + h.Address
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d MiB\t%s\t%s\t%s\t%s\n", h.Name, h.State, h.PID, h.CPUs, h.Memory, h.Release, up, mended, network)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, h := range hosts {
		if h.State == lab.Dead {
			fmt.Fprintf(a.Stdout, "\n%s died %s: %s\nits files are in %s\n", h.Name, h.Died.Format(time.DateTime), h.Why, h.Dir)
			if end := lab.ConsoleEnd(h.Dir); end != "" {
				fmt.Fprintf(a.Stdout, "its console ends:\n%s\n", end)
			}
		}
	}
	return nil
}
