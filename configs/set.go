package configs

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// Set replaces a value of a machine file: the path of a key, and what the file
// would have there.
type Set struct {
	path  string
	steps []step
	value string
}

// maxSet bounds a value given to ParseSet, in bytes: what execve(2) takes for
// one argument.
const maxSet = 128 << 10

// ParseSet reads path=value. The path is dotted, with indices for the elements
// of arrays: cpu.count, init.files[0].path. Whether a machine has such a value
// is found out when the set is used. The value is TOML, or, where it is none or
// the key takes a string, the string itself: boot.cmdline=quiet.
func ParseSet(text string) (Set, error) {
	path, value, found := strings.Cut(text, "=")
	if !found {
		return Set{}, fmt.Errorf("%s: must be path=value, as in cpu.count=2", quote(text))
	}
	if len(value) > maxSet || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return Set{}, fmt.Errorf("%s: the value must be text of at most %d bytes", quote(text), maxSet)
	}
	path = strings.TrimSpace(path)
	steps, err := splitPath(path)
	if err != nil {
		return Set{}, fmt.Errorf("%s: %w", quote(text), err)
	}
	return Set{path: path, steps: steps, value: value}, nil
}

// Path is the path of the value that s replaces.
func (s Set) Path() string { return s.path }

func (s Set) String() string { return s.path + "=" + s.value }

// apply puts s into the tables of a machine file.
func (s Set) apply(tree map[string]any, r *report) {
	if len(s.steps) == 0 {
		return
	}
	t, before, wrong, ok := typeAt(s.steps)
	if !ok {
		r.places.setBy(s.path)
		s.refuse(t, before, wrong, r)
		return
	}
	r.places.setBy(s.path)
	if err := put(tree, s.steps, s.parse(t)); err != nil {
		r.add(s.path, nil, err.Error(), "")
	}
}

// refuse says why the schema has no value at s's path.
func (s Set) refuse(t reflect.Type, before string, wrong int, r *report) {
	step := s.steps[wrong]
	switch {
	case t.Kind() == reflect.Struct && step.key != "":
		if what, reserved := notYet[step.key]; reserved && before == "" {
			r.add(s.path, nil, "this release of hull has no "+what, "leave it out")
			return
		}
		r.add(s.path, nil, "a machine has no such key", suggest(before, step.key, fieldsOf(t)))
	case step.key == "":
		r.add(s.path, nil, before+" is not an array", "leave out the index")
	case t.Kind() == reflect.Slice:
		r.add(s.path, nil, before+" is an array", "say which element, as in "+index(before, 0))
	default:
		r.add(s.path, nil, before+" is a single value", "set "+before)
	}
}

// parse reads s's value for a field of type t.
func (s Set) parse(t reflect.Type) any {
	tree := make(map[string]any)
	if i, _ := tooMuch([]byte(s.value)); i >= 0 {
		return s.value
	}
	if err := toml.Unmarshal([]byte("value = "+s.value+"\n"), &tree); err != nil || len(tree) != 1 {
		return s.value
	}
	value := tree["value"]
	_, isText := reflect.New(t).Interface().(encoding.TextUnmarshaler)
	if _, quoted := value.(string); !quoted && (isText || t.Kind() == reflect.String) {
		return s.value
	}
	return value
}

// put sets the value at steps, which the schema has, making tables on the way.
// The file may hold something else where a table or an array should be: the
// decoder will say so, and put leaves it.
func put(holder any, steps []step, value any) error {
	s := steps[0]
	last := len(steps) == 1
	switch h := holder.(type) {
	case map[string]any:
		if last {
			h[s.key] = value
			return nil
		}
		if _, there := h[s.key]; !there {
			h[s.key] = emptyHolder(steps[1])
		}
		if list, isList := h[s.key].([]any); isList && steps[1].key == "" {
			longer, err := putElement(list, steps[1:], value)
			h[s.key] = longer
			return err
		}
		return put(h[s.key], steps[1:], value)
	default:
		return nil
	}
}

func emptyHolder(next step) any {
	if next.key == "" {
		return []any{}
	}
	return map[string]any{}
}

// putElement sets an element of an array, or one more behind its last.
func putElement(list []any, steps []step, value any) ([]any, error) {
	i := steps[0].index
	if i > len(list) {
		return list, errors.New("the array has " + count(len(list), "element"))
	}
	if i == len(list) {
		if len(steps) == 1 {
			return append(list, value), nil
		}
		list = append(list, emptyHolder(steps[1]))
	}
	if len(steps) == 1 {
		list[i] = value
		return list, nil
	}
	return list, put(list[i], steps[1:], value)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
