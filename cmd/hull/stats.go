package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/internal/terminal"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type statsOptions struct {
	all, noStream, noTrunc bool

	format string
}

// statsInterval is the time between two looks.
const statsInterval = time.Second

func newStatsCommand(a *app) *cobra.Command {
	var o statsOptions
	cmd := &cobra.Command{
		Use:   "stats [REF...]",
		Short: "Show what instances use, again each second",
		Long: `Show what instances use, again each second until interrupted: those that are named,
or all that run. The first line comes after a second, for a rate needs two looks.

CPU % is of one processor: a machine that keeps two busy has 200%. The counters of
the network and the processes are the guest's own words, and 0 where its agent does
not answer.

The fields of a template: .ID .Name .Container .CPUPerc .MemUsage .MemPerc .NetIO
.BlockIO .PIDs.`,
		Example:           "  hull stats --no-stream\n  hull stats --format '{{.Name}} {{.CPUPerc}}' web",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completeRefs(a, 0, runningInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			return refusal(runStats(cmd.Context(), a, &o, args))
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "also those that do not run")
	f.BoolVar(&o.noStream, "no-stream", false, "one look, and no more")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "whole ids")
	f.StringVar(&o.format, "format", "", formatUsage)
	completeFormat(cmd)
	return cmd
}

func runStats(ctx context.Context, a *app, o *statsOptions, refs []string) error {
	f, err := parseFormat(o.format, statsColumns)
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	w := newScreen(a.Stdout)
	var before map[string]*manager.Stats
	for {
		looked, err := lookAt(ctx, engine, refs, o.all, before == nil)
		if err != nil {
			return err
		}
		if len(refs) > 0 && len(looked) == 0 {
			return nil
		}
		if before != nil {
			if err := showStats(w, f, o, looked, before); err != nil || o.noStream {
				return err
			}
		}
		before = make(map[string]*manager.Stats)
		for _, s := range looked {
			before[s.ID] = s
		}
		select {
		case <-a.after(statsInterval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func showStats(w *screen, f *format, o *statsOptions, looked []*manager.Stats, before map[string]*manager.Stats) error {
	rows := make([]statsRow, len(looked))
	for i, s := range looked {
		rows[i] = newStatsRow(s, before[s.ID], o.noTrunc)
	}
	if err := printRows(w, f, statsHeaders, rows); err != nil {
		return err
	}
	return w.show()
}

// lookAt takes the statistics of some instances, or of all. Those that are gone
// meanwhile are left out, but not at the first look: then somebody named them
// wrongly.
func lookAt(ctx context.Context, engine manager.Engine, refs []string, all, first bool) ([]*manager.Stats, error) {
	if len(refs) == 0 {
		list, err := engine.List(ctx, manager.ListOptions{All: all})
		if err != nil {
			return nil, err
		}
		for i := range list {
			if list[i].Problem == "" {
				refs = append(refs, list[i].ID)
			}
		}
		first = false
	}
	looked := make([]*manager.Stats, len(refs))
	errs := make([]error, len(refs))
	var lookers sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, ref := range refs {
		slots <- struct{}{}
		lookers.Go(func() {
			looked[i], errs[i] = engine.Stats(ctx, ref)
			<-slots
		})
	}
	lookers.Wait()
	var there []*manager.Stats
	for i, err := range errs {
		switch kind := instance.KindOf(err); {
		case err == nil:
			there = append(there, looked[i])
		case !first && (kind == instance.KindNotFound || kind == instance.KindGone):
		default:
			return nil, err
		}
	}
	return there, nil
}

// screen shows one text after the other: on a terminal each in the place of the one
// before.
type screen struct {
	w        io.Writer
	terminal bool
	text     strings.Builder
	shown    bool
}

func newScreen(w io.Writer) *screen { return &screen{w: w, terminal: isTerminal(w)} }

func (s *screen) Write(p []byte) (int, error) { return s.text.Write(p) }

// Sequences of a terminal (ECMA-48).
const (
	clearScreen = "\x1b[2J"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K" // from the cursor on
	clearBelow  = "\x1b[J"
)

func (s *screen) show() error {
	text := s.text.String()
	s.text.Reset()
	if s.terminal {
		text = cursorHome + strings.ReplaceAll(text, "\n", clearLine+"\n") + clearBelow
		if !s.shown {
			text = clearScreen + text
		}
		s.shown = true
	}
	_, err := fmt.Fprint(s.w, text)
	return err
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && terminal.IsTerminalFd(f.Fd())
}
