package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/kvm/doctor"
)

type doctorOptions struct {
	kvm    string
	quiet  bool
	format string
}

func newDoctorCommand(a *app) *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host can do for Hull, and what to do about what it cannot",
		Long: `Look at this host: whether KVM is there, permitted, and runs a guest's kernel at
speed rather than emulating it, and which of KVM's capabilities Hull uses.

Ends with 0 where this host can run machines, and with 1 where it cannot.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runDoctor(a, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.kvm, "kvm", "/dev/kvm", "the KVM device")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing: only the exit status tells")
	f.StringVar(&o.format, "format", "table", "table or json")
	return cmd
}

func runDoctor(a *app, o doctorOptions) error {
	if o.format != "table" && o.format != "json" {
		return fmt.Errorf("--format %q: neither table nor json", o.format)
	}
	report := doctor.Examine(o.kvm)
	if !o.quiet {
		write := writeDoctorTable
		if o.format == "json" {
			write = writeDoctorJSON
		}
		if err := write(a.Stdout, report); err != nil {
			return err
		}
	}
	if !report.Able() {
		return &exitError{code: 1}
	}
	return nil
}

func writeDoctorJSON(w io.Writer, r doctor.Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Able   bool           `json:"able"`
		Checks []doctor.Check `json:"checks"`
	}{r.Able(), r.Checks})
}

func writeDoctorTable(w io.Writer, r doctor.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Verdict, c.Name, c.Found)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range r.Checks {
		if c.Remedy != "" {
			if _, err := fmt.Fprintf(w, "\n%s: %s\n", c.Name, c.Remedy); err != nil {
				return err
			}
		}
	}
	words := "This host can run machines."
	if !r.Able() {
		words = "This host cannot run machines by itself. A lab host can: hull lab run -- hull boot FILE.toml"
	}
	_, err := fmt.Fprintf(w, "\n%s\n", words)
	return err
}
