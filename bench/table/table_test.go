package table

import (
	"errors"
	"strings"
	"testing"
)

var (
	more    = Figure{ID: "rate", Name: "rate | of it", Unit: "MB/s", More: true}
	less    = Figure{ID: "time", Name: "time", Unit: "ms"}
	columns = []Column{{Name: "hull", Base: true}, {Name: "qemu"}, {Name: "other"}}
	ids     = []string{"rate", "time"}
)

func printed(t *testing.T, table *Table) string {
	t.Helper()
	var b strings.Builder
	if err := table.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever failed, each figure is one line, and all lines have the same number of
// cells.
func TestATableIsWhole(t *testing.T) {
	table := New(columns, []Figure{more, less})
	values := func(a, b float64) map[string]float64 { return map[string]float64{"rate": a, "time": b} }
	for _, v := range [][2]float64{{50, 200}, {60, 210}, {40, 190}} {
		table.Add("hull", "a machine", ids, values(v[0], v[1]), nil, nil)
	}
	table.Add("qemu", "a machine", ids, values(100, 400), nil, nil)
	table.Add("qemu", "a machine", ids, nil, map[string]string{"rate": "broken | twice\nover"}, errors.New("it died"))
	table.Add("other", "a machine", ids, nil, nil, errors.New("did not boot"))
	table.Add("other", "a machine", ids, nil, nil, errors.New("did not boot again"))
	out := printed(t, table)
	for _, want := range []string{
		"| rate \\| of it | MB/s | more | 50.0 (40.0-60.0) | 100 (100-100) | - | **0.50** | - |",
		"| time | ms | less | 200 (190-210) | 400 (400-400) | - | 0.50 | - |",
		"Failed: qemu: rate \\| of it, 1 times: broken \\| twice over\n",
		"Failed: qemu: a machine (1 figures are missing), 1 times: it died\n",
		"Failed: other: a machine (2 figures are missing), 2 times: did not boot again\n",
		"hull / qemu",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	cells := 0
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		n := strings.Count(line, "|") - strings.Count(line, `\|`)
		if cells == 0 {
			cells = n
		}
		if n != cells {
			t.Errorf("%d bars, the head has %d: %s", n, cells, line)
		}
	}
}

func TestAValueThatIsMissingWithoutAReasonIsAFailure(t *testing.T) {
	table := New(columns, []Figure{more, less})
	table.Add("hull", "a machine", ids, map[string]float64{"rate": 1}, nil, nil)
	if out := printed(t, table); !strings.Contains(out, "Failed: hull: a machine, 1 times: 1 figures are missing") {
		t.Errorf("nothing is said of it in:\n%s", out)
	}
}

func TestATableWithoutABaseHasNoRatios(t *testing.T) {
	table := New(columns[1:], []Figure{less})
	table.Add("qemu", "a machine", []string{"time"}, map[string]float64{"time": 1.234}, nil, nil)
	out := printed(t, table)
	if strings.Contains(out, " / ") || strings.Contains(out, "ratio") || !strings.Contains(out, "| time | ms | less | 1.23 (1.23-1.23) | - |\n") {
		t.Errorf("got:\n%s", out)
	}
}
