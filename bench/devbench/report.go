package main

import (
	"fmt"
	"io"

	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/bench/table"
)

// newTable makes the table of these monitors and figures.
func newTable(monitors []monitor, of []figures.Figure) *table.Table {
	var columns []table.Column
	for _, m := range monitors {
		columns = append(columns, table.Column{Name: m.name, Base: m.base})
	}
	var lines []table.Figure
	for _, f := range of {
		lines = append(lines, table.Figure{ID: f.ID, Name: f.Name, Unit: f.Unit, More: f.More})
	}
	return table.New(columns, lines)
}

// add takes what one machine gave.
func add(t *table.Table, m monitor, wanted []figures.Figure, o outcome, err error) {
	var ids []string
	for _, f := range wanted {
		ids = append(ids, f.ID)
	}
	t.Add(m.name, "a machine", ids, o.values, o.reasons, err)
}

// report writes the table, and before it how it came about.
func report(w io.Writer, t *table.Table, o options, before, after string) error {
	_, err := fmt.Fprintf(w, "%s; guests of %d vCPU and %d MiB; %d rounds, interleaved, %v for each transfer; load average %s before and %s after.\n",
		table.Host(), o.vcpus, o.memory, o.rounds, o.length, before, after)
	if err != nil {
		return err
	}
	return t.Print(w)
}
