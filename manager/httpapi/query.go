package httpapi

import (
	"encoding"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// filters are name=value pairs of a query, of which there may be several.
type filters map[string][]string

var (
	filtersType         = reflect.TypeFor[filters]()
	textUnmarshalerType = reflect.TypeFor[encoding.TextUnmarshaler]()
	textMarshalerType   = reflect.TypeFor[encoding.TextMarshaler]()
)

// parameter is a field of a query's struct: its tag `query` names it, `doc` says
// what it is.
type parameter struct {
	name, doc string
	index     int
	typ       reflect.Type
}

func parametersOf(t reflect.Type) []parameter {
	list := make([]parameter, t.NumField())
	for i := range list {
		f := t.Field(i)
		list[i] = parameter{f.Tag.Get("query"), f.Tag.Get("doc"), i, f.Type}
	}
	return list
}

// decodeQuery reads a query into a struct. What the struct does not have is
// refused, and so is what comes twice.
func decodeQuery(raw string, into reflect.Value) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return invalid("query: %w", err)
	}
	known := parametersOf(into.Type())
	for name := range values {
		if !slices.ContainsFunc(known, func(p parameter) bool { return p.name == name }) {
			return invalid("query parameter %.80q: there is none of that name%s", name, namesOf(known))
		}
	}
	for _, p := range known {
		given := values[p.name]
		switch {
		case len(given) == 0:
			continue
		case p.typ != filtersType && len(given) > 1:
			return invalid("query parameter %q: given %d times, of which one is allowed", p.name, len(given))
		}
		for _, text := range given {
			if err := setValue(into.Field(p.index), text); err != nil {
				return invalid("query parameter %q: %w", p.name, err)
			}
		}
	}
	return nil
}

func namesOf(known []parameter) string {
	if len(known) == 0 {
		return "; the route takes none"
	}
	names := make([]string, len(known))
	for i, p := range known {
		names[i] = p.name
	}
	return "; there are " + strings.Join(names, ", ")
}

// setValue reads a parameter's text into its field.
func setValue(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.Bool:
		switch text {
		case "true", "1":
			v.SetBool(true)
		case "false", "0":
			v.SetBool(false)
		default:
			return fmt.Errorf("%.40q is neither true nor false", text)
		}
	case reflect.Uint, reflect.Uint16, reflect.Uint32:
		n, err := strconv.ParseUint(text, 10, min(v.Type().Bits(), 31)) // an int holds it
		if err != nil {
			return fmt.Errorf("%.40q is no number from 0 to %d", text, uint64(1)<<min(v.Type().Bits(), 31)-1)
		}
		v.SetUint(n)
	case reflect.String:
		v.SetString(text)
	case reflect.Map:
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return fmt.Errorf("%.80q is no filter; write it as NAME=VALUE", text)
		}
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		f := v.Interface().(filters)
		f[name] = append(f[name], value)
	default:
		panic(fmt.Sprintf("a query with a %v", v.Type()))
	}
	return nil
}
