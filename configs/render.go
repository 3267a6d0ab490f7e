package configs

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
)

// Render writes a machine as a machine file that says everything, in the order of
// the schema. For a machine that passed Validate, and whose paths are UTF-8,
// Parse gives the same machine again if it is told of a file in the current
// folder.
func Render(m *Machine) []byte {
	var b bytes.Buffer
	renderTable(&b, "", reflect.ValueOf(m).Elem())
	return b.Bytes()
}

// renderTable writes a struct's plain values, then its tables. Empty strings and
// arrays are left out: they mean the same.
func renderTable(b *bytes.Buffer, path string, v reflect.Value) {
	var tables []field
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		switch {
		case isTable(value.Type()):
			tables = append(tables, f)
		case value.Kind() == reflect.Slice && value.Len() == 0:
		case value.Kind() == reflect.String && value.Len() == 0:
		default:
			fmt.Fprintf(b, "%s = %s\n", f.key, renderValue(value))
		}
	}
	for _, f := range tables {
		value, at := v.Field(f.index), join(path, f.key)
		if value.Kind() == reflect.Struct {
			if value.IsZero() {
				continue
			}
			fmt.Fprintf(b, "\n[%s]\n", at)
			renderTable(b, at, value)
			continue
		}
		for i := range value.Len() {
			fmt.Fprintf(b, "\n[[%s]]\n", at)
			renderTable(b, at, value.Index(i))
		}
	}
}

// isTable reports whether a value of type t is written as a table of its own, or
// as an array of them.
func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

func renderValue(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			text = fmt.Append(nil, v.Interface()) // not valid: say what it is
		}
		return renderString(string(text))
	}
	switch v.Kind() {
	case reflect.Slice:
		elements := make([]string, v.Len())
		for i := range elements {
			elements[i] = renderValue(v.Index(i))
		}
		return "[" + strings.Join(elements, ", ") + "]"
	case reflect.Int:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	default:
		return renderString(v.String())
	}
}

// renderString writes a basic string (TOML 1.0, String).
func renderString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
