package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/bench/measure"
)

// results are all boots, by row and monitor.
type results struct {
	monitors []monitor
	rows     []row
	boots    map[row]map[string]*sample
}

// sample is the boots of one row under one monitor.
type sample struct {
	ok     []measured
	failed int
	why    string
	not    bool // cannot be, by the monitor's design
}

func newResults(monitors []monitor) *results {
	return &results{monitors: monitors, boots: make(map[row]map[string]*sample)}
}

func (r *results) add(which row, m monitor, b measured, err error) {
	if r.boots[which] == nil {
		r.boots[which] = make(map[string]*sample)
		r.rows = append(r.rows, which)
	}
	s := r.boots[which][m.name]
	if s == nil {
		s = &sample{}
		r.boots[which][m.name] = s
	}
	var not errNotApplicable
	switch {
	case errors.As(err, &not):
		s.not, s.why = true, not.Error()
	case err != nil:
		s.failed++
		s.why = err.Error()
	default:
		s.ok = append(s.ok, b)
	}
}

// column is a figure of a boot.
type column struct {
	name  string
	value func(measured) (float64, bool)
}

func columns() []column {
	var out []column
	var names []string
	for _, e := range events {
		names = append(names, e.name)
	}
	for _, name := range append(names, eventReady) {
		out = append(out, column{name + " ms", func(b measured) (float64, bool) {
			at, ok := b.at[name]
			return float64(at) / float64(time.Millisecond), ok
		}})
	}
	return append(out, column{"memory MiB", func(b measured) (float64, bool) { return float64(b.overhead) / (1 << 20), true }})
}

// print writes the results as a Markdown table: the median of each figure with
// the least and the greatest in brackets.
func (r *results) print(w io.Writer, o options) error {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	fmt.Fprintf(w, "Host kernel %s, %d CPUs; %d rounds, interleaved; milliseconds since exec, median (min-max).\n\n",
		unix.ByteSliceToString(uts.Release[:]), runtime.NumCPU(), o.rounds)
	cols := columns()
	head := []string{"machine", "monitor"}
	for _, c := range cols {
		head = append(head, c.name)
	}
	head = append(head, "ready, ratio to hull")
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, which := range r.rows {
		base := r.boots[which]["hull"]
		for _, m := range r.monitors {
			s := r.boots[which][m.name]
			if s == nil {
				continue
			}
			cells := append([]string{which.String(), m.name}, s.cells(cols, base)...)
			if s.failed > 0 && len(s.ok) > 0 {
				cells[1] += fmt.Sprintf(" (%d of %d failed)", s.failed, s.failed+len(s.ok))
			}
			fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
		}
	}
	return r.printFailures(w)
}

// cells are the figures of a sample and its ratio to base, one for each column,
// or the reason why there are none.
func (s *sample) cells(cols []column, base *sample) []string {
	out := make([]string, len(cols)+1)
	if len(s.ok) == 0 {
		out[0] = "did not boot"
		if s.not {
			out[0] = "cannot: " + measure.InCell(s.why)
		}
		return out
	}
	for i, c := range cols {
		low, mid, high, ok := spread(s.ok, c.value)
		if !ok {
			out[i] = "-"
			continue
		}
		out[i] = fmt.Sprintf("%.1f (%.1f-%.1f)", mid, low, high)
	}
	out[len(cols)] = ratio(s, base)
	return out
}

// printFailures lists below the table why boots failed, the last of each row
// and monitor.
func (r *results) printFailures(w io.Writer) error {
	const most = 300 // characters of one reason
	for _, which := range r.rows {
		for _, m := range r.monitors {
			if s := r.boots[which][m.name]; s != nil && s.failed > 0 {
				fmt.Fprintf(w, "\nFailed: %s, %s, %d of %d: %.*s\n", which, m.name, s.failed, s.failed+len(s.ok), most, measure.InCell(s.why))
			}
		}
	}
	return nil
}

func readyTime(b measured) (float64, bool) { return float64(b.at[eventReady]), true }

func ratio(s, base *sample) string {
	if base == nil || len(base.ok) == 0 {
		return "-"
	}
	_, mid, _, _ := spread(s.ok, readyTime)
	_, ours, _, _ := spread(base.ok, readyTime)
	return fmt.Sprintf("%.2f", mid/ours)
}

// spread is the least, the median and the greatest of a figure; ok is false
// where no boot has it.
func spread(of []measured, value func(measured) (float64, bool)) (low, mid, high float64, ok bool) {
	var values []float64
	for _, b := range of {
		if v, ok := value(b); ok {
			values = append(values, v)
		}
	}
	return measure.Spread(values)
}
