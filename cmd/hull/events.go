package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager/events"
)

type eventsOptions struct {
	since, until, format string
	filters              filterFlag
}

func newEventsCommand(a *app) *cobra.Command {
	var o eventsOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print what happens to instances",
		Long: `Print what happens to instances from now on, or from --since on, until it is
interrupted or --until has come.

A moment is how long ago it was (10m), a date and time (2026-01-02T15:04:05Z, or
less of it in local time), or seconds since 1970. The fields of a template: .Time
.Action .ID .Name .Attributes.`,
		Example: `  hull events --since 1h --until 0s
  hull events -f event=die --format '{{.Name}} {{.Attributes.exitCode}}'`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return refusal(runEvents(cmd.Context(), a, &o)) },
	}
	f := cmd.Flags()
	f.StringVar(&o.since, "since", "", "begin with what happened at this `moment`")
	f.StringVar(&o.until, "until", "", "end at this `moment`")
	f.VarP(&o.filters, "filter", "f", "only those with `name=value`: event, instance, image, label; may be repeated")
	f.StringVar(&o.format, "format", "", "json, or a template of Go's (text/template) for each event")
	completeFlag(cmd, "format", "json")
	completeFlag(cmd, "filter", eventFilters()...)
	return cmd
}

func eventFilters() []cobra.Completion {
	list := []cobra.Completion{"instance=", "image=", "label="}
	for _, action := range events.Actions {
		list = append(list, "event="+action)
	}
	return list
}

func runEvents(ctx context.Context, a *app, o *eventsOptions) error {
	options := events.Options{Follow: true, Filters: o.filters.filters}
	var err error
	if options.Since, err = parseMoment(o.since, a.now()); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if options.Until, err = parseMoment(o.until, a.now()); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	var f *format
	if o.format != "" {
		if f, err = parseFormat(o.format, ""); err != nil {
			return err
		}
		if f.table {
			return fmt.Errorf("--format %q: events come one by one, and make no table; take json or a template", o.format)
		}
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	for e, err := range engine.Events(ctx, options) {
		switch {
		case err == nil:
			if err := printEvent(a.Stdout, f, e); err != nil {
				return err
			}
		case events.GoesOn(err):
			fmt.Fprintf(a.Stderr, "hull: %v\n", err)
		case errors.Is(err, context.Cause(ctx)) && ctx.Err() != nil:
			return nil
		default:
			return err
		}
	}
	return nil
}

// printEvent prints an event; without a format as Docker does.
func printEvent(w io.Writer, f *format, e events.Event) error {
	if f != nil {
		return printRows(w, f, nil, []events.Event{e})
	}
	attributes := maps.Clone(e.Attributes)
	if attributes == nil {
		attributes = make(map[string]string)
	}
	if e.Name != "" {
		attributes["name"] = e.Name
	}
	_, err := fmt.Fprintf(w, "%s instance %s %s (%s)\n",
		e.Time.Local().Format(logTime), printable(e.Action), printable(e.ID), printable(joinPairs(attributes, ", ")))
	return err
}
