package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/logs"
)

type logsOptions struct {
	follow, timestamps bool
	since, until, tail string
}

func newLogsCommand(a *app) *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:   "logs REF",
		Short: "Print what an instance's console and Hull wrote",
		Long: `Print what an instance wrote on its console, on standard output, and what Hull had
to say about it, on standard error, the oldest line first.

A moment is how long ago it was (10m), a date and time (2026-01-02T15:04:05Z, or
less of it in local time), or seconds since 1970.`,
		Example:           "  hull logs --tail 20 web\n  hull logs -f --since 10m web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRefs(a, 1, anyInstance),
		RunE:              func(cmd *cobra.Command, args []string) error { return refusal(runLogs(cmd.Context(), a, &o, args[0])) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on until the instance has ended")
	f.StringVar(&o.since, "since", "", "only what was written at this `moment` or later")
	f.StringVar(&o.until, "until", "", "only what was written at this `moment` or before")
	f.StringVarP(&o.tail, "tail", "n", "all", "only the last `N` lines")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "begin each line with its time")
	completeFlag(cmd, "tail", "all", "10", "100")
	return cmd
}

func runLogs(ctx context.Context, a *app, o *logsOptions, ref string) error {
	options := manager.LogOptions{Follow: o.follow, Tail: -1}
	var err error
	if options.Since, err = parseMoment(o.since, a.now()); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if options.Until, err = parseMoment(o.until, a.now()); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	if o.tail != "all" {
		if options.Tail, err = strconv.Atoi(o.tail); err != nil {
			return fmt.Errorf("--tail %q: it is no number of lines; write one, or all", o.tail)
		}
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	return printLog(ctx, a, engine, ref, options, o.timestamps)
}

// printLog prints an instance's log. A line that cannot be read is a warning.
func printLog(ctx context.Context, a *app, engine manager.Engine, ref string, o manager.LogOptions, timestamps bool) error {
	records, err := engine.Logs(ctx, ref, o)
	if err != nil {
		return err
	}
	stdout := &logPrinter{w: a.Stdout, timestamps: timestamps}
	stderr := &logPrinter{w: a.Stderr, timestamps: timestamps}
	for r, err := range records {
		switch {
		case err == nil:
			out := stdout
			if r.Stream == logs.Stderr {
				out = stderr
			}
			if err := out.print(r); err != nil {
				return err
			}
		case logs.GoesOn(err):
			fmt.Fprintf(a.Stderr, "hull: instance %q: logs: %v\n", ref, err)
		default:
			return fmt.Errorf("instance %q: logs: %w", ref, err)
		}
	}
	return nil
}

// logPrinter prints the records of one stream. A line may be in several.
type logPrinter struct {
	w          io.Writer
	timestamps bool
	midLine    bool
}

// logTime is RFC 3339 with as many digits for every time.
const logTime = "2006-01-02T15:04:05.000000000Z07:00"

func (p *logPrinter) print(r logs.Record) error {
	var err error
	if p.timestamps && !p.midLine {
		_, err = fmt.Fprintf(p.w, "%s ", r.Time.UTC().Format(logTime))
	}
	_, e := p.w.Write(r.Text)
	p.midLine = len(r.Text) > 0 && r.Text[len(r.Text)-1] != '\n'
	return errors.Join(err, e)
}
