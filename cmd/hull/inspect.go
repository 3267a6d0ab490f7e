package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

type inspectOptions struct {
	format string
	toml   bool
}

func newInspectCommand(a *app) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect REF...",
		Short: "Say all that is known of instances",
		Long: `Say all that is known of instances, as an array of JSON objects.

--format json puts the array on one line. A template of Go's (text/template) is
filled in for each instance; its fields are those of the JSON objects, named as Go
does: .Name .Created .VCPUs .Memory .State.Status .State.Exit .Monitor.PID .Dir.`,
		Example: `  hull inspect web
  hull inspect --format '{{.State.Status}}' web
  hull inspect --toml web > web.toml`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, anyInstance),
		RunE:              func(cmd *cobra.Command, args []string) error { return refusal(runInspect(cmd.Context(), a, &o, args)) },
	}
	cmd.Flags().StringVar(&o.format, "format", "", "json, or a template of Go's (text/template) for each instance")
	cmd.Flags().BoolVar(&o.toml, "toml", false, "print the machine file of each, with every value filled in")
	cmd.MarkFlagsMutuallyExclusive("format", "toml")
	completeFlag(cmd, "format", "json")
	return cmd
}

func runInspect(ctx context.Context, a *app, o *inspectOptions, refs []string) error {
	f := &format{json: true}
	if o.format != "" {
		var err error
		if f, err = parseFormat(o.format, ""); err != nil {
			return err
		}
		if f.table {
			return fmt.Errorf("--format %q: an instance has too much to say for a table; take json or a template", o.format)
		}
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	details := []*manager.Detail{}
	failures := 0
	for _, ref := range refs {
		d, err := engine.Inspect(ctx, ref)
		if err != nil {
			failures++
			fmt.Fprintf(a.Stderr, "hull: %v\n", explained(err))
			continue
		}
		details = append(details, d)
	}
	if err := printDetails(a, o, f, details); err != nil {
		return err
	}
	if failures > 0 {
		return &exitError{code: exitRefused}
	}
	return nil
}

func printDetails(a *app, o *inspectOptions, f *format, details []*manager.Detail) error {
	switch {
	case o.toml:
		for _, d := range details {
			fmt.Fprintln(a.Stdout, strings.TrimSuffix(d.Machine, "\n"))
		}
		return nil
	case f.json:
		e := json.NewEncoder(a.Stdout)
		e.SetEscapeHTML(false)
		if o.format == "" {
			e.SetIndent("", "    ")
		}
		return e.Encode(details)
	default:
		return printRows(a.Stdout, f, nil, details)
	}
}
