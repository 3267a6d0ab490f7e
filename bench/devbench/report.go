package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/bench/figures"
	"github.com/hullvm/hull/bench/measure"
)

// results are the values of all rounds, by monitor and figure.
type results struct {
	monitors []monitor
	figures  []figures.Figure
	samples  map[string]map[string]*sample
	failures []failure
}

type sample struct {
	values []float64
}

// failure is what went wrong once or several times.
type failure struct {
	monitor, what, why string
	times              int
}

func newResults(monitors []monitor, of []figures.Figure) *results {
	r := &results{monitors: monitors, figures: of, samples: make(map[string]map[string]*sample)}
	for _, m := range monitors {
		r.samples[m.name] = make(map[string]*sample)
		for _, f := range of {
			r.samples[m.name][f.ID] = &sample{}
		}
	}
	return r
}

// add takes one machine's values. What it had measured before it failed counts.
func (r *results) add(m monitor, wanted []figures.Figure, o outcome, err error) {
	missing := 0
	for _, f := range wanted {
		s := r.samples[m.name][f.ID]
		if v, ok := o.values[f.ID]; ok {
			s.values = append(s.values, v)
		} else if why, ok := o.reasons[f.ID]; ok {
			r.fail(m.name, f.Name, why)
		} else {
			missing++
		}
	}
	switch {
	case err != nil:
		r.fail(m.name, fmt.Sprintf("a machine (%d figures are missing)", missing), err.Error())
	case missing > 0:
		r.fail(m.name, "a machine", fmt.Sprintf("%d figures are missing", missing))
	}
}

func (r *results) fail(monitor, what, why string) {
	for i := range r.failures {
		if f := &r.failures[i]; f.monitor == monitor && f.what == what {
			f.times, f.why = f.times+1, why
			return
		}
	}
	r.failures = append(r.failures, failure{monitor, what, why, 1})
}

// print writes the results as a Markdown table: the median of each figure with
// the least and the greatest in brackets, and the ratio of the base's median to
// each other's.
func (r *results) print(w io.Writer, o options, before, after string) error {
	var uts unix.Utsname
	_ = unix.Uname(&uts)
	fmt.Fprintf(w, "Host kernel %s, %d CPUs; guests of %d vCPU and %d MiB; %d rounds, interleaved, %v for each transfer; load average %s before and %s after.\n",
		unix.ByteSliceToString(uts.Release[:]), runtime.NumCPU(), o.vcpus, o.memory, o.rounds, o.length, before, after)
	fmt.Fprintf(w, "Median (min-max). A ratio is Hull's median by the other's; in **bold** where Hull is behind.\n\n")
	head := []string{"figure", "unit", "better"}
	for _, m := range r.monitors {
		head = append(head, m.name)
	}
	for _, m := range r.monitors {
		if !m.base {
			head = append(head, "hull / "+m.name)
		}
	}
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, f := range r.figures {
		fmt.Fprintf(w, "| %s |\n", strings.Join(r.cells(f), " | "))
	}
	r.printFailures(w)
	return nil
}

// cells are one line of the table.
func (r *results) cells(f figures.Figure) []string {
	better := "less"
	if f.More {
		better = "more"
	}
	out := []string{measure.InCell(f.Name), f.Unit, better}
	var base *sample
	for _, m := range r.monitors {
		s := r.samples[m.name][f.ID]
		if m.base {
			base = s
		}
		out = append(out, s.cell())
	}
	for _, m := range r.monitors {
		if !m.base {
			out = append(out, ratio(f, base, r.samples[m.name][f.ID]))
		}
	}
	return out
}

func (s *sample) cell() string {
	low, mid, high, ok := measure.Spread(s.values)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%s (%s-%s)", number(mid), number(low), number(high))
}

// number has three digits at least.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func ratio(f figures.Figure, base, other *sample) string {
	if base == nil {
		return "-"
	}
	_, ours, _, ok := measure.Spread(base.values)
	_, theirs, _, otherOK := measure.Spread(other.values)
	if !ok || !otherOK || theirs == 0 {
		return "-"
	}
	text := fmt.Sprintf("%.2f", ours/theirs)
	if f.More && ours < theirs || !f.More && ours > theirs {
		return "**" + text + "**"
	}
	return text
}

// printFailures lists below the table what is missing in it, and why.
func (r *results) printFailures(w io.Writer) {
	const most = 400 // bytes of one reason
	for _, f := range r.failures {
		fmt.Fprintf(w, "\nFailed: %s: %s, %d times: %.*s\n", f.monitor, measure.InCell(f.what), f.times, most, measure.InCell(f.why))
	}
}
