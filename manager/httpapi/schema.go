package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// schema is what OpenAPI 3.1 says of a value: as much of JSON Schema as Go's types
// need.
type schema struct {
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        any                `json:"type,omitempty"` // a word, or several
	Format      string             `json:"format,omitempty"`
	Encoding    string             `json:"contentEncoding,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	// Additional is a schema of a map's values, or false for a struct that is
	// read: what it does not have is refused.
	Additional any     `json:"additionalProperties,omitempty"`
	Items      *schema `json:"items,omitempty"`
	MinItems   *int    `json:"minItems,omitempty"`
	MaxItems   *int    `json:"maxItems,omitempty"`
	Minimum    *int64  `json:"minimum,omitempty"`
	Maximum    *int64  `json:"maximum,omitempty"`

	text reflect.Type // reads its own text
}

// Words of JSON Schema for types.
const (
	typeObject  = "object"
	typeArray   = "array"
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeNull    = "null"
)

// schemas makes schemas of Go's types as encoding/json writes and reads them. A
// struct with a name becomes a component.
type schemas struct {
	components map[string]*schema
	types      map[string]reflect.Type
}

func newSchemas() *schemas {
	return &schemas{components: make(map[string]*schema), types: make(map[string]reflect.Type)}
}

const componentPrefix = "#/components/schemas/"

// componentName is a type's name in the document. The guest's agent and the
// manager have types of one name.
func componentName(t reflect.Type) string {
	if strings.HasSuffix(t.PkgPath(), "/agent") {
		return "Guest" + t.Name()
	}
	return t.Name()
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
)

// of is a type's schema.
func (s *schemas) of(t reflect.Type) *schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == timeType:
		return &schema{Type: typeString, Format: "date-time", text: t}
	case t == durationType:
		return &schema{Type: typeInteger, Format: "int64", Description: "nanoseconds"}
	case t.Implements(textMarshalerType):
		return &schema{Type: typeString, text: t}
	}
	switch t.Kind() {
	case reflect.Bool:
		return &schema{Type: typeBoolean}
	case reflect.String:
		if words := enums[t]; words != nil {
			return &schema{Type: typeString, Enum: words}
		}
		if reflect.PointerTo(t).Implements(textUnmarshalerType) {
			return &schema{Type: typeString, text: t}
		}
		return &schema{Type: typeString}
	case reflect.Float32, reflect.Float64:
		return &schema{Type: typeNumber}
	case reflect.Int, reflect.Int64:
		return &schema{Type: typeInteger, Format: "int64"}
	case reflect.Int8, reflect.Int16, reflect.Int32:
		most := int64(1)<<(t.Bits()-1) - 1
		return &schema{Type: typeInteger, Minimum: new(-most - 1), Maximum: &most}
	case reflect.Uint, reflect.Uint64:
		return &schema{Type: typeInteger, Minimum: new(int64(0))}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return &schema{Type: typeInteger, Minimum: new(int64(0)), Maximum: new(int64(1)<<t.Bits() - 1)}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &schema{Type: typeString, Encoding: "base64"}
		}
		return &schema{Type: typeArray, Items: s.of(t.Elem())}
	case reflect.Array:
		return &schema{Type: typeArray, Items: s.of(t.Elem()), MinItems: new(t.Len()), MaxItems: new(t.Len())}
	case reflect.Map:
		return &schema{Type: typeObject, Additional: s.of(t.Elem())}
	case reflect.Struct:
		return s.component(t)
	default:
		panic(fmt.Sprintf("no schema for %v", t))
	}
}

// component is a reference to a struct's schema, which is made where it is not
// there yet.
func (s *schemas) component(t reflect.Type) *schema {
	name := componentName(t)
	if known, ok := s.types[name]; ok && known != t {
		panic(fmt.Sprintf("the types %v and %v have one name in the document", known, t))
	}
	if s.types[name] == nil {
		s.types[name] = t
		c := &schema{Type: typeObject, Properties: make(map[string]*schema)}
		s.components[name] = c
		s.fields(t, c)
	}
	return &schema{Ref: componentPrefix + name}
}

// fields adds a struct's fields. Those of a struct in it without a name are its
// own.
func (s *schemas) fields(t reflect.Type, c *schema) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && tag == "":
			s.embedded(f.Type, c)
			continue
		case !f.IsExported() || tag == "-":
			continue
		case strings.Contains(options, "string"):
			panic(fmt.Sprintf("no schema for the string option of %v.%s", t, f.Name))
		case tag == "":
			tag = f.Name
		}
		p := s.of(f.Type)
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		if !optional {
			c.Required = append(c.Required, tag)
			if canBeNull(f.Type) {
				p = nullable(p)
			}
		}
		if doc := f.Tag.Get("doc"); doc != "" {
			p.Description = doc
		}
		c.Properties[tag] = p
	}
}

// embedded adds the fields of a struct without a name; by a pointer, they may all
// be missing.
func (s *schemas) embedded(t reflect.Type, c *schema) {
	if t.Kind() != reflect.Pointer {
		s.fields(t, c)
		return
	}
	required := c.Required
	s.fields(t.Elem(), c)
	c.Required = required
}

func canBeNull(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return true
	default:
		return false
	}
}

func nullable(p *schema) *schema {
	if p.Ref != "" {
		return &schema{AnyOf: []*schema{p, {Type: typeNull}}}
	}
	p.Type = []string{p.Type.(string), typeNull}
	return p
}

// closed has the structs that p leads to refuse what they do not have.
func (s *schemas) closed(p *schema) {
	if p == nil {
		return
	}
	if p.Ref != "" {
		c := s.components[strings.TrimPrefix(p.Ref, componentPrefix)]
		if c.Additional != nil {
			return
		}
		c.Additional = false
		p = c
	}
	for _, f := range p.Properties {
		s.closed(f)
	}
	for _, f := range p.AnyOf {
		s.closed(f)
	}
	s.closed(p.Items)
	if values, ok := p.Additional.(*schema); ok {
		s.closed(values)
	}
}
