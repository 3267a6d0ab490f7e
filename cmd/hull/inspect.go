package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
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
	f, err := inspectFormat(o.format, "an instance")
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	details, failed := describeEach(a, refs, explained, func(ref string) (*manager.Detail, error) { return engine.Inspect(ctx, ref) })
	a.hintHandedOver(details)
	if o.toml {
		for _, d := range details {
			fmt.Fprintln(a.Stdout, strings.TrimSuffix(d.Machine, "\n"))
		}
	} else if err := printDetails(a, f, details); err != nil {
		return err
	}
	return failed
}

// hintHandedOver says on standard error of each instance that was handed over, and
// of which nothing was heard since, how the doubt is ended.
func (a *app) hintHandedOver(details []*manager.Detail) {
	for _, d := range details {
		if d.State.Status == instance.HandedOver {
			fmt.Fprintf(a.Stderr, "hull: instance %q was handed over to %s, and it is not known whether it runs there; %s\n", d.Name, peerText(&d.State), resolveHint(d.Name))
		}
	}
}

// inspectFormat reads the --format of an inspect command for some thing.
func inspectFormat(text, thing string) (*format, error) {
	if text == "" {
		return &format{json: true}, nil
	}
	f, err := parseFormat(text, "")
	if err == nil && f.table {
		err = fmt.Errorf("--format %q: %s has too much to say for a table; take json or a template", text, thing)
	}
	return f, err
}

// describeEach gathers what is known of several things. It passes over those that it
// fails with, says why, and returns hull's status then.
func describeEach[T any](a *app, refs []string, explain func(error) error, look func(ref string) (T, error)) (list []T, failed error) {
	list = []T{}
	for _, ref := range refs {
		d, err := look(ref)
		if err != nil {
			failed = &exitError{code: exitRefused}
			fmt.Fprintf(a.Stderr, "hull: %v\n", explain(err))
			continue
		}
		list = append(list, d)
	}
	return list, failed
}

// printDetails writes JSON, of several lines unless it was asked for, or what a
// template makes of each.
func printDetails[T any](a *app, f *format, details []T) error {
	if !f.json {
		return printRows(a.Stdout, f, nil, details)
	}
	e := json.NewEncoder(a.Stdout)
	e.SetEscapeHTML(false)
	if f.text == "" {
		e.SetIndent("", "    ")
	}
	return e.Encode(details)
}
