package configs

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// decoder puts parsed tables into a Machine. It goes on after a mistake, so that
// all of them are found.
//
// A field's tag toml names its key. Its tag form says how a string is taken:
// "path" as the path of a host's file, "kernel" and "initrd" as that or a name.
type decoder struct {
	*report
	folder string // of the machine file, with its final slash, or empty
}

func (d *decoder) machine(tree map[string]any, m *Machine) {
	d.table("", tree, reflect.ValueOf(m).Elem())
}

// table puts a table's keys into the fields of a struct.
func (d *decoder) table(path string, table map[string]any, into reflect.Value) {
	fields := fieldsOf(into.Type())
	for _, key := range slices.Sorted(maps.Keys(table)) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			d.unknown(path, key, fields)
			continue
		}
		d.value(join(path, key), table[key], into.Field(fields[i].index), fields[i].form)
	}
}

// value puts a parsed value into a field.
func (d *decoder) value(path string, v any, into reflect.Value, form string) {
	if u, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(path, v, u)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		table, ok := v.(map[string]any)
		if !ok {
			d.add(path, v, "must be a table", "write its keys below ["+path+"]")
			return
		}
		d.table(path, table, into)
	case reflect.Slice:
		d.array(path, v, into, form)
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			d.add(path, v, "must be a string", "put it in quotes")
			return
		}
		into.SetString(d.form(path, s, form))
	case reflect.Int:
		n, ok := v.(int64)
		if !ok {
			d.add(path, v, "must be a whole number", remedyForNumber(v))
			return
		}
		into.SetInt(n)
	case reflect.Bool:
		b, ok := v.(bool)
		if !ok {
			d.add(path, v, "must be true or false", "write it without quotes")
			return
		}
		into.SetBool(b)
	default:
		panic("configs: no way to read a " + into.Type().String()) // a mistake in this package
	}
}

func remedyForNumber(v any) string {
	switch v.(type) {
	case string:
		return "write it without quotes"
	case float64:
		return "leave out the fraction"
	default:
		return "write it in digits"
	}
}

// text has a type read its own values.
func (d *decoder) text(path string, v any, into encoding.TextUnmarshaler) {
	s, ok := v.(string)
	if !ok {
		s = fmt.Sprint(v)
	}
	err := into.UnmarshalText([]byte(s))
	if err == nil && !ok {
		err = &ruleError{rule: "a string", remedy: "put it in quotes"}
	}
	var broken *ruleError
	if errors.As(err, &broken) {
		d.add(path, v, "must be "+broken.rule, broken.remedy)
	}
}

// array puts an array's elements into a slice, leaving out bad ones.
func (d *decoder) array(path string, v any, into reflect.Value, form string) {
	elements, ok := v.([]any)
	if !ok {
		remedy := "put it in brackets"
		if into.Type().Elem().Kind() == reflect.Struct {
			remedy = "write it below [[" + path + "]]"
		}
		d.add(path, v, "must be an array", remedy)
		return
	}
	slice := reflect.MakeSlice(into.Type(), len(elements), len(elements))
	for i, e := range elements {
		d.value(index(path, i), e, slice.Index(i), form)
	}
	into.Set(slice)
}

// form makes a path in a machine file relative to the file's folder. A path in a
// --set is relative to the current folder, as it stands.
func (d *decoder) form(path, s, form string) string {
	switch {
	case form == "" || s == "" || strings.HasPrefix(s, "/"):
		return s
	case form == "kernel" && !isPath(s), form == "initrd" && s == InitrdNone:
		return s
	case d.places.fromSet(path):
		return s
	default:
		return d.folder + s
	}
}

func isPath(s string) bool { return strings.Contains(s, "/") }

// unknown refuses a key that the table at path does not have.
func (d *decoder) unknown(path, key string, fields []field) {
	at := join(path, key)
	if d.full() {
		d.add(at, nil, "", "") // it is only counted, and a suggestion takes its time
		return
	}
	if path == "" {
		if what, reserved := notYet[key]; reserved {
			d.add(at, nil, "this release of hull has no "+what, "remove it")
			return
		}
	}
	where := "at the head of the file"
	if path != "" {
		where = "in [" + path + "]"
	}
	d.add(at, nil, "there is no such key "+where, suggest(path, key, fields))
}

// suggest says which key may have been meant.
func suggest(path, key string, fields []field) string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	if near, ok := nearest(key, keys); ok {
		return fmt.Sprintf("did you mean %s?", join(path, near))
	}
	for _, known := range allPaths() {
		if known == key || strings.HasSuffix(known, "."+key) {
			return fmt.Sprintf("did you mean %s?", known)
		}
	}
	return "it has " + strings.Join(keys, ", ")
}
