package table

import (
	"fmt"
	"io"
	"strings"

	"github.com/hullvm/hull/bench/measure"
)

// Figure is one line of a table.
type Figure struct {
	ID   string // in one word
	Name string
	Unit string
	More bool // more is better
}

// Column is one of the monitors that are compared.
type Column struct {
	Name string
	Base bool // the one that the others are compared with
}

// Table has the values of all rounds, by column and figure.
type Table struct {
	columns  []Column
	figures  []Figure
	samples  map[key][]float64
	failures []failure
}

type key struct{ column, id string }

// failure is what went wrong once or several times.
type failure struct {
	column, what, why string
	times             int
}

// New makes a table without values.
func New(columns []Column, figures []Figure) *Table {
	return &Table{columns: columns, figures: figures, samples: make(map[key][]float64)}
}

// Add takes what one try gave of the figures with these ids: a value, or the
// reason why there is none. What it had measured before it failed counts. What
// names the try in the list of failures.
func (t *Table) Add(column, what string, ids []string, values map[string]float64, reasons map[string]string, err error) {
	missing := 0
	for _, id := range ids {
		if v, ok := values[id]; ok {
			k := key{column, id}
			t.samples[k] = append(t.samples[k], v)
		} else if why, ok := reasons[id]; ok {
			t.fail(column, t.name(id), why)
		} else {
			missing++
		}
	}
	switch {
	case err != nil:
		t.fail(column, fmt.Sprintf("%s (%d figures are missing)", what, missing), err.Error())
	case missing > 0:
		t.fail(column, what, fmt.Sprintf("%d figures are missing", missing))
	}
}

func (t *Table) name(id string) string {
	for _, f := range t.figures {
		if f.ID == id {
			return f.Name
		}
	}
	return id
}

func (t *Table) fail(column, what, why string) {
	for i := range t.failures {
		if f := &t.failures[i]; f.column == column && f.what == what {
			f.times, f.why = f.times+1, why
			return
		}
	}
	t.failures = append(t.failures, failure{column, what, why, 1})
}

// Print writes the median of each figure with the least and the greatest in
// brackets, and the ratio of the base's median to each other's.
func (t *Table) Print(w io.Writer) error {
	base := ""
	head := []string{"figure", "unit", "better"}
	for _, c := range t.columns {
		head = append(head, c.Name)
		if c.Base {
			base = c.Name
		}
	}
	for _, c := range t.columns {
		if base != "" && !c.Base {
			head = append(head, base+" / "+c.Name)
		}
	}
	var b strings.Builder
	b.WriteString("Median (min-max).")
	if base != "" {
		fmt.Fprintf(&b, " A ratio is the median of %s by the other's; in **bold** where %s is behind.", base, base)
	}
	fmt.Fprintf(&b, "\n\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, f := range t.figures {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(t.cells(f, base), " | "))
	}
	t.printFailures(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// cells are one line of the table.
func (t *Table) cells(f Figure, base string) []string {
	better := "less"
	if f.More {
		better = "more"
	}
	out := []string{measure.InCell(f.Name), f.Unit, better}
	for _, c := range t.columns {
		out = append(out, cell(t.samples[key{c.Name, f.ID}]))
	}
	for _, c := range t.columns {
		if base != "" && !c.Base {
			out = append(out, ratio(f, t.samples[key{base, f.ID}], t.samples[key{c.Name, f.ID}]))
		}
	}
	return out
}

func cell(values []float64) string {
	low, mid, high, ok := measure.Spread(values)
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

func ratio(f Figure, base, other []float64) string {
	_, ours, _, ok := measure.Spread(base)
	_, theirs, _, otherOK := measure.Spread(other)
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
func (t *Table) printFailures(w io.Writer) {
	const most = 400 // bytes of one reason
	for _, f := range t.failures {
		fmt.Fprintf(w, "\nFailed: %s: %s, %d times: %.*s\n", f.column, measure.InCell(f.what), f.times, most, measure.InCell(f.why))
	}
}
