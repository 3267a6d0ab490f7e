package configs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one mistake in a machine file or in a --set.
type Problem struct {
	// Path is the key, as in cpu.count or init.files[0].path. It is empty for
	// text that is not TOML.
	Path string

	// Value is what stands there, shortened and safe to print; empty where
	// nothing does.
	Value string

	// Rule is what the value breaks, and Remedy what to do about it. Remedy is
	// empty where the rule says it all.
	Rule   string
	Remedy string

	// Source is the machine file, or "--set" with its path. Line and Column
	// count from 1, Column in bytes; both are 0 where the place is not known or
	// the value is missing.
	Source       string
	Line, Column int

	// Excerpt is the line of text that is not TOML with a mark below it, or
	// empty.
	Excerpt string
}

// String is one line, but for an excerpt.
func (p Problem) String() string {
	var b strings.Builder
	if p.Source != "" {
		b.WriteString(printable(p.Source))
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		if p.Value != "" {
			b.WriteString(" = " + p.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Rule)
	if p.Remedy != "" {
		b.WriteString("; " + p.Remedy)
	}
	if p.Excerpt != "" {
		b.WriteString("\n" + p.Excerpt)
	}
	return b.String()
}

// Problems is everything that is wrong with a machine file and the --sets given
// with it. It is the error of [Load], [Parse] and [Machine.Validate] for every
// mistake in what they were given.
type Problems struct {
	Source string // the machine file, or the machine's name in quotes
	List   []Problem
	More   int // mistakes beyond those listed
}

// Error is the list as text for a terminal, one mistake a line.
func (p *Problems) Error() string {
	if len(p.List) == 1 && p.More == 0 {
		return p.List[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d mistakes:", printable(p.Source), len(p.List)+p.More)
	for _, one := range p.List {
		b.WriteString("\n  " + strings.ReplaceAll(one.String(), "\n", "\n  "))
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", p.More)
	}
	return b.String()
}

// report collects mistakes while a file is judged.
type report struct {
	source string
	places *places
	list   []Problem
	more   int
	bad    map[string]bool // paths with a mistake
}

func newReport(source string, places *places) *report {
	return &report{source: source, places: places, bad: make(map[string]bool)}
}

// add notes a mistake at path. value is what stands there, nil for nothing.
func (r *report) add(path string, value any, rule, remedy string) {
	r.bad[path] = true
	if r.full() {
		r.more++
		return
	}
	p := Problem{Path: path, Rule: rule, Remedy: remedy, Source: r.source}
	find := r.places.findKey
	if value != nil {
		p.Value = show(value)
		find = r.places.find
	}
	if r.places != nil {
		p.Source, p.Line, p.Column = find(path)
	}
	r.list = append(r.list, p)
}

// full reports whether further mistakes are only counted.
func (r *report) full() bool { return len(r.list) == maxProblems }

// ok reports whether nothing is wrong with the value at any of the paths so far,
// nor with what holds it: a rule about several values is not worth a word while
// one of them is wrong by itself.
func (r *report) ok(paths ...string) bool {
	for _, p := range paths {
		for p != "" {
			if r.bad[p] {
				return false
			}
			p = parent(p)
		}
	}
	return true
}

// err is nil where nothing was wrong. Mistakes are in order of their place.
func (r *report) err() error {
	if len(r.list) == 0 {
		return nil
	}
	slices.SortStableFunc(r.list, func(a, b Problem) int {
		if inFile := a.Source == r.source; inFile != (b.Source == r.source) {
			if inFile {
				return -1
			}
			return 1
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return &Problems{Source: r.source, List: r.list, More: r.more}
}

// maxShown is how much of a value a message shows, in bytes.
const maxShown = 60

// show writes a value for a message: short, on one line, without anything that a
// terminal would obey.
func show(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v)
	case []string:
		return shortList(v)
	case []any:
		words := make([]string, 0, 8)
		for _, e := range v[:min(len(v), 8)] {
			words = append(words, show(e))
		}
		s := "[" + strings.Join(words, ", ")
		if len(s) > maxShown {
			s = cut(s, maxShown) + "..."
		} else if len(v) > len(words) {
			s += ", ..."
		}
		return s + "]"
	case map[string]any:
		return "a table"
	default:
		s := printable(fmt.Sprint(v))
		if len(s) > maxShown {
			s = cut(s, maxShown) + "..."
		}
		return s
	}
}

func shortList(list []string) string {
	values := make([]any, min(len(list), 9))
	for i := range values {
		values[i] = list[i]
	}
	return show(values)
}

func quote(s string) string {
	if len(s) > maxShown {
		return strconv.Quote(cut(s, maxShown)) + "..."
	}
	return strconv.Quote(s)
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// printable is s with everything quoted away that a terminal would obey.
func printable(s string) string {
	plain := func(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }
	if strings.IndexFunc(s, plain) < 0 {
		return s
	}
	quoted := strconv.Quote(s)
	return quoted[1 : len(quoted)-1]
}
