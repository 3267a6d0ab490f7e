package figures

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMarksComeBackAsTheyWere(t *testing.T) {
	for _, m := range []Mark{
		{Kind: Value, ID: "read-1", Value: 123.5},
		{Kind: Value, ID: "idle", Value: 0},
		{Kind: Fail, ID: "tcp-in", Text: "no route to host"},
		{Kind: Dead, ID: "-", Text: "panic"},
		{Kind: Idle},
	} {
		lines := strings.Split(m.String(), "\n")
		if len(lines) != 3 || lines[0] != "" || lines[2] != "" {
			t.Errorf("%q is not one line with its ends", m)
			continue
		}
		got, ok := ParseMark(lines[1] + "\r")
		if !ok || got != m {
			t.Errorf("%+v became %+v, %v", m, got, ok)
		}
	}
}

func TestAMarkOfSeveralLinesBecomesOne(t *testing.T) {
	m := Mark{Kind: Fail, ID: "x", Text: "one\ntwo\r\n three"}
	if got, want := m.String(), "\nhull-bench: fail x one two three\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherLinesAreNoMarks(t *testing.T) {
	for _, line := range []string{
		"", "[    0.1] Linux version", "hull-bench:", "hull-bench: value read-1", "hull-bench: value read-1 x",
		"hull-bench: value read-1 1 2", "hull-bench: what", "hull-bench: idle now", "hull-bench: fail",
	} {
		if m, ok := ParseMark(line); ok {
			t.Errorf("%q was taken for %+v", line, m)
		}
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("hull-bench: value read-1 1e9")
	f.Add("x hull-bench: fail a b c\r")
	f.Fuzz(func(t *testing.T, line string) {
		m, ok := ParseMark(line)
		if !ok {
			return
		}
		again, ok := ParseMark(strings.Split(m.String(), "\n")[1])
		if !ok || again != m && m.Value == m.Value {
			t.Errorf("%q: %+v, then %+v, %v", line, m, again, ok)
		}
	})
}

func TestAnOrderComesBackAsItWas(t *testing.T) {
	want := Order{IDs: []string{"read-1", "tcp-in"}, Time: 3 * time.Second, Packets: 200}
	got, err := ParseOrder("console=ttyS0 " + want.Cmdline() + " quiet")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBadOrdersAreRefused(t *testing.T) {
	for _, line := range []string{
		"", "bench.figures=read-1", "bench.seconds=1", "bench.seconds=1 bench.packets=x",
		"bench.figures=nothing bench.seconds=1 bench.packets=1",
	} {
		if o, err := ParseOrder(line); err == nil {
			t.Errorf("%q was taken for %+v", line, o)
		}
	}
}

func TestFiguresAreOneEachAndFitOnACommandLine(t *testing.T) {
	seen := make(map[string]bool)
	var ids []string
	for _, f := range All {
		if seen[f.ID] || strings.ContainsAny(f.ID, " ,=\"") || f.ID == "" {
			t.Errorf("figure %q: not an id of its own", f.ID)
		}
		seen[f.ID] = true
		ids = append(ids, f.ID)
		if got, ok := ByID(f.ID); !ok || got != f {
			t.Errorf("figure %q is not found", f.ID)
		}
	}
	if n := len(Order{ids, time.Hour, 1e6}.Cmdline()); n > 1024 {
		t.Errorf("an order of all figures takes %d bytes", n)
	}
}
