package configs

import (
	"reflect"
	"strings"
)

// notYet names the sections that machines of other releases have. A file that
// asks for one is refused with its reason rather than as a misspelling.
var notYet = map[string]string{
	"pci":  "devices of the host",
	"pmem": "persistent memory",
}

// field is a struct's field as the decoder sees it.
type field struct {
	key   string // in the file
	form  string // see decoder
	index int    // in the struct
}

// fieldsOf lists the fields of a struct type of the schema, in order.
func fieldsOf(t reflect.Type) []field {
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		fields = append(fields, field{key: f.Tag.Get("toml"), form: f.Tag.Get("form"), index: i})
	}
	return fields
}

// allPaths lists the paths of all values of a machine, arrays of tables without
// an index.
func allPaths() []string {
	var paths []string
	var walk func(path string, t reflect.Type)
	walk = func(path string, t reflect.Type) {
		switch {
		case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
			walk(path, t.Elem())
		case t.Kind() == reflect.Struct:
			for _, f := range fieldsOf(t) {
				walk(join(path, f.key), t.Field(f.index).Type)
			}
		default:
			paths = append(paths, path)
		}
	}
	walk("", reflect.TypeFor[Machine]())
	return paths
}

// typeAt is the type of the value at a path. Where the schema has none, ok is
// false and the steps before the first that is wrong, and its number, are
// returned as well.
func typeAt(steps []step) (t reflect.Type, before string, wrong int, ok bool) {
	t = reflect.TypeFor[Machine]()
	for i, s := range steps {
		switch {
		case s.key == "" && t.Kind() == reflect.Slice:
			before = index(before, s.index)
			t = t.Elem()
		case s.key != "" && t.Kind() == reflect.Struct:
			found := false
			for _, f := range fieldsOf(t) {
				if f.key == s.key {
					t, found = t.Field(f.index).Type, true
					break
				}
			}
			if !found {
				return t, before, i, false
			}
			before = join(before, s.key)
		default:
			return t, before, i, false
		}
	}
	return t, before, len(steps), true
}

// nearest is the word that s may be a misspelling of.
func nearest(s string, words []string) (string, bool) {
	if len(s) == 0 || len(s) > 40 {
		return "", false
	}
	lower := strings.ReplaceAll(strings.ToLower(s), "-", "_")
	best, bestDistance := "", 1+max(1, len(s)/3)
	for _, w := range words {
		d := distance(lower, strings.ReplaceAll(strings.ToLower(w), "-", "_"))
		if d < bestDistance {
			best, bestDistance = w, d
		}
	}
	return best, best != ""
}

// distance is the number of bytes to insert, remove, replace or swap with the
// next to make b of a (the optimal string alignment).
func distance(a, b string) int {
	row := func() []int { return make([]int, len(b)+1) }
	before, last, current := row(), row(), row()
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(last[j]+1, current[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, last, current = last, current, before
	}
	return last[len(b)]
}
