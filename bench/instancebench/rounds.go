package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hullvm/hull/bench/table"
)

// hullColumn is the base, which has the figures that are Hull's alone, too.
const hullColumn = "hull"

func newTable(o options, monitors []monitor) *table.Table {
	var columns []table.Column
	for _, m := range monitors {
		columns = append(columns, table.Column{Name: m.name, Base: m.name == hullColumn})
	}
	return table.New(columns, lines(figures(o)))
}

// measurement gives the values of a group's figures, as far as it got.
type measurement func(context.Context) (map[string]float64, error)

// measureAll fills the table. Each round starts with another monitor, so that none
// always runs behind the same neighbour.
func measureAll(ctx context.Context, o options, dir string, monitors []monitor, t *table.Table) error {
	all := figures(o)
	take := func(column string, g group, round int, measure measurement) error {
		values, err := measure(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if o.verbose {
			fmt.Fprintf(os.Stderr, "instancebench: round %d: %s: %s: %v %v\n", round+1, column, groupNames[g], values, err)
		}
		t.Add(column, groupNames[g], ids(all, g), values, nil, err)
		return nil
	}
	x := place{options: o, dir: dir}
	for round := range o.rounds {
		for i := range monitors {
			m := monitors[(i+round)%len(monitors)]
			for _, w := range []struct {
				group   group
				measure func(context.Context, monitor) (map[string]float64, error)
			}{{start, x.measureStart}, {memory, x.measureMemory}} {
				if !o.wants(w.group) {
					continue
				}
				err := take(m.name, w.group, round, func(ctx context.Context) (map[string]float64, error) { return w.measure(ctx, m) })
				if err != nil {
					return err
				}
			}
		}
	}
	if !ofHull(monitors) {
		return nil
	}
	if o.wants(list) {
		l, err := makeLists(ctx, o)
		if err != nil {
			return err
		}
		defer l.remove()
		for round := range o.rounds {
			if err := take(hullColumn, list, round, l.measure); err != nil {
				return err
			}
		}
	}
	if o.wants(fleet) {
		return take(hullColumn, fleet, 0, func(ctx context.Context) (map[string]float64, error) { return measureFleet(ctx, o) })
	}
	return nil
}

func ofHull(monitors []monitor) bool {
	for _, m := range monitors {
		if m.name == hullColumn {
			return true
		}
	}
	return false
}

// report writes the table, and before it how it came about.
func report(w io.Writer, t *table.Table, o options, before, after string) error {
	_, err := fmt.Fprintf(w, "%s; %d rounds, interleaved; machines at once: one round; load %s before and %s after.\n",
		table.Host(), o.rounds, before, after)
	if err != nil {
		return err
	}
	return t.Print(w)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
