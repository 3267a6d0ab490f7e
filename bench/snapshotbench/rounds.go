package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/bench/table"
)

// place is where machines are run.
type place struct {
	options options
	dir     string // for files and sockets, in memory
	entries *measure.Entries
}

// values are those of figures.
type values map[string]float64

// subject is one way to have a machine or a container.
type subject struct {
	name string
	base bool
	// does are the groups that it has figures of.
	does []task
}

// task measures a group's figures; size is in MiB, and 0 for those of no size.
type task struct {
	groups  []group
	sized   bool
	once    bool // in one round only
	measure func(ctx context.Context, p *place, size int) (values, error)
}

// Names of subjects.
const (
	hull    = "hull"
	migrate = "qemu migrate"
	saveVM  = "qemu savevm"
)

// subjectsOf are those that are asked for.
func subjectsOf(o options) []subject {
	all := []subject{
		{name: hull, base: true, does: []task{
			{groups: []group{boot, live, pause, restore}, sized: true, measure: measureHull},
			{groups: []group{rest, container}, measure: measureRest},
			{groups: []group{clones}, once: true, measure: measureClones},
		}},
		{name: migrate, does: []task{{groups: []group{boot, pause, restore}, sized: true, measure: measureMigrate}}},
		{name: saveVM, does: []task{{groups: []group{pause, restore}, sized: true, measure: measureSaveVM}}},
	}
	for _, runtime := range []struct{ name, program string }{{"crun", o.crun}, {"runc", o.runc}} {
		if runtime.program == "" {
			continue
		}
		all = append(all, subject{name: runtime.name, does: []task{{
			groups: []group{container},
			measure: func(ctx context.Context, p *place, _ int) (values, error) {
				return measureContainer(ctx, p, runtime.program)
			},
		}}})
	}
	var wanted []subject
	for _, s := range all {
		if strings.Contains(s.name, o.under) {
			wanted = append(wanted, s)
		}
	}
	return wanted
}

func newTable(o options, subjects []subject) *table.Table {
	var columns []table.Column
	for _, s := range subjects {
		columns = append(columns, table.Column{Name: s.name, Base: s.base})
	}
	return table.New(columns, lines(figures(o)))
}

// measureAll fills the table. Each round starts with another subject, so that none
// always runs behind the same neighbour.
func measureAll(ctx context.Context, p *place, subjects []subject, t *table.Table) error {
	all := figures(p.options)
	for round := range p.options.rounds {
		for i := range subjects {
			s := subjects[(i+round)%len(subjects)]
			for _, task := range s.does {
				if task.once && round > 0 {
					continue
				}
				sizes := []int{0}
				if task.sized {
					sizes = p.options.sizes
				}
				for _, size := range sizes {
					if err := take(ctx, p, t, all, s.name, task, round, size); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// take measures once. An error is the end of it all.
func take(ctx context.Context, p *place, t *table.Table, all []figure, column string, task task, round, size int) error {
	var wanted []string
	var names []string
	for _, g := range task.groups {
		if of := ids(all, g, size); len(of) > 0 {
			wanted, names = append(wanted, of...), append(names, groupNames[g])
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	limit := p.options.timeout
	limited, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	v, err := task.measure(limited, p, size)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if p.options.verbose {
		fmt.Fprintf(os.Stderr, "snapshotbench: round %d: %s: %s: %v %v\n", round+1, column, strings.Join(names, ", "), v, err)
	}
	t.Add(column, strings.Join(names, ", "), ownIDs(wanted, column), v, nil, err)
	return nil
}

// ownIDs are the figures that a column has: the moment at which a monitor began is of
// Hull's own timeline, and the end of a restore that of a command.
func ownIDs(list []string, column string) []string {
	if column == hull {
		return list
	}
	var own []string
	for _, one := range list {
		if !strings.HasPrefix(one, "boot-monitor-") && !strings.HasPrefix(one, "restore-monitor-") && !strings.HasPrefix(one, "restore-done-") {
			own = append(own, one)
		}
	}
	return own
}

// report writes the table, and before it how it came about.
func report(w io.Writer, t *table.Table, o options, before, after string) error {
	_, err := fmt.Fprintf(w, "%s; %d rounds, interleaved; clones: one round; load %s before and %s after.\n",
		table.Host(), o.rounds, before, after)
	if err != nil {
		return err
	}
	return t.Print(w)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
