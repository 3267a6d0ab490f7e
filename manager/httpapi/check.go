package httpapi

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// check compares a value, as encoding/json decodes it with UseNumber, with a
// schema, and says at which path it is wrong.
func (s *schemas) check(path string, c *schema, v any) error {
	if c.Ref != "" {
		c = s.components[strings.TrimPrefix(c.Ref, componentPrefix)]
	}
	if len(c.AnyOf) > 0 {
		if v == nil {
			return nil
		}
		return s.check(path, c.AnyOf[0], v)
	}
	words, several := c.Type.([]string)
	if !several {
		words = []string{c.Type.(string)}
	}
	got := kindOf(v)
	if got == typeNumber && words[0] == typeInteger {
		if err := checkInteger(c, v.(json.Number)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if !slices.Contains(words, got) {
		return fmt.Errorf("%s: it is %s, and has to be %s", path, a(got), a(words[0]))
	}
	switch v := v.(type) {
	case map[string]any:
		return s.checkObject(path, c, v)
	case []any:
		return s.checkArray(path, c, v)
	case string:
		if err := checkString(c, v); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// kindOf is JSON Schema's word for a decoded value.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return typeNull
	case bool:
		return typeBoolean
	case json.Number:
		return typeNumber
	case string:
		return typeString
	case []any:
		return typeArray
	default:
		return typeObject
	}
}

// a is a word with its article.
func a(word string) string {
	switch word {
	case typeNull:
		return word
	case typeObject, typeArray, typeInteger:
		return "an " + word
	default:
		return "a " + word
	}
}

func (s *schemas) checkObject(path string, c *schema, v map[string]any) error {
	for _, name := range c.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%s: it is missing", join(path, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		field := c.Properties[name]
		if field == nil {
			switch more := c.Additional.(type) {
			case *schema:
				field = more
			case bool:
				return fmt.Errorf("%s: there is no such field; there are %s", join(path, name), strings.Join(slices.Sorted(maps.Keys(c.Properties)), ", "))
			default:
				continue
			}
		}
		if err := s.check(join(path, name), field, v[name]); err != nil {
			return err
		}
	}
	return nil
}

// join is the path of a field, as long as a message may show.
func join(path, name string) string {
	if len(name) > 80 {
		name = name[:80] + "..."
	}
	if path == "" {
		return strconv.Quote(name)
	}
	return path + "." + strconv.Quote(name)
}

func (s *schemas) checkArray(path string, c *schema, v []any) error {
	if c.MinItems != nil && (len(v) < *c.MinItems || len(v) > *c.MaxItems) {
		return fmt.Errorf("%s: it has %d elements, and has to have %d", path, len(v), *c.MinItems)
	}
	for i, e := range v {
		if err := s.check(fmt.Sprintf("%s[%d]", path, i), c.Items, e); err != nil {
			return err
		}
	}
	return nil
}

func checkInteger(c *schema, n json.Number) error {
	text := string(n)
	low, high := "-9223372036854775808", "9223372036854775807"
	var ok bool
	if c.Minimum != nil && *c.Minimum == 0 {
		u, err := strconv.ParseUint(text, 10, 64)
		low, high = "0", "18446744073709551615"
		ok = err == nil && (c.Maximum == nil || u <= uint64(*c.Maximum))
	} else {
		i, err := strconv.ParseInt(text, 10, 64)
		ok = err == nil && (c.Minimum == nil || i >= *c.Minimum) && (c.Maximum == nil || i <= *c.Maximum)
		if c.Minimum != nil {
			low = strconv.FormatInt(*c.Minimum, 10)
		}
	}
	if c.Maximum != nil {
		high = strconv.FormatInt(*c.Maximum, 10)
	}
	if !ok {
		return fmt.Errorf("%.40s is no integer from %s to %s", text, low, high)
	}
	return nil
}

func checkString(c *schema, v string) error {
	if len(c.Enum) > 0 && !slices.Contains(c.Enum, v) {
		return fmt.Errorf("%.40q is none of %s", v, strings.Join(c.Enum, ", "))
	}
	if c.Encoding != "" {
		if _, err := base64.StdEncoding.DecodeString(v); err != nil {
			return fmt.Errorf("it is not base64: %w", err)
		}
	}
	if c.text != nil {
		if u, ok := reflect.New(c.text).Interface().(encoding.TextUnmarshaler); ok {
			return u.UnmarshalText([]byte(v))
		}
	}
	return nil
}
