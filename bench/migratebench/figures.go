package main

import (
	"fmt"
	"time"

	"github.com/hullvm/hull/bench/table"
)

// cell is what a machine is moved over, and does meanwhile.
type cell struct {
	delay time.Duration
	dirty int // MiB a second
}

func cells(o options) (all []cell) {
	for _, delay := range o.delays {
		for _, dirty := range o.dirty {
			all = append(all, cell{delay, dirty})
		}
	}
	return all
}

func (c cell) String() string {
	does := fmt.Sprintf("a guest that writes %d MiB/s", c.dirty)
	switch c.dirty {
	case 0:
		does = "a guest at rest"
	case fastest:
		does = "a guest that writes as fast as it can"
	}
	return fmt.Sprintf("%s, delay %v", does, c.delay)
}

func (c cell) id(name string) string {
	return fmt.Sprintf("%s-%v-%s", name, c.delay, dirtyArgument(c.dirty))
}

// kinds are what is measured of each move.
var kinds = []struct{ id, name, unit string }{
	{"total", "until the move is over", "s"},
	{"away", "the longest time without an answer", "ms"},
	{"sent", "sent over the link", "MiB"},
}

func (c cell) ids() (all []string) {
	for _, k := range kinds {
		all = append(all, c.id(k.id))
	}
	return all
}

func newTable(o options, subjects []subject) *table.Table {
	var columns []table.Column
	for _, s := range subjects {
		columns = append(columns, table.Column{Name: s.name, Base: s.base})
	}
	var figures []table.Figure
	for _, c := range cells(o) {
		for _, k := range kinds {
			figures = append(figures, table.Figure{ID: c.id(k.id), Name: fmt.Sprintf("%s: %s", c, k.name), Unit: k.unit})
		}
	}
	return table.New(columns, figures)
}
