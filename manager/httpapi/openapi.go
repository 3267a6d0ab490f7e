package httpapi

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// document is OpenAPI 3.1, as much of it as the routes need.
type document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       map[string]string                `json:"info"`
	Paths      map[string]map[string]*operation `json:"paths"`
	Components map[string]map[string]*schema    `json:"components"`
}

type operation struct {
	ID          string                     `json:"operationId"`
	Summary     string                     `json:"summary"`
	Parameters  []*documentParameter       `json:"parameters,omitempty"`
	RequestBody *documentBody              `json:"requestBody,omitempty"`
	Responses   map[string]*documentAnswer `json:"responses"`
}

type documentParameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *schema `json:"schema"`
}

type documentBody struct {
	Required bool                    `json:"required,omitempty"`
	Content  map[string]*mediaSchema `json:"content"`
}

type documentAnswer struct {
	Description string                  `json:"description"`
	Content     map[string]*mediaSchema `json:"content,omitempty"`
}

type mediaSchema struct {
	Schema *schema `json:"schema,omitempty"`
}

// describe makes the document of the routes, and the schemas by which their bodies
// are read.
func (s *Server) describe(version string) {
	s.schemas = newSchemas()
	s.bodies = make(map[reflect.Type]*schema)
	d := &document{
		OpenAPI:    "3.1.0",
		Info:       map[string]string{"title": "Hull", "version": version, "description": "Instances of virtual machines on this host"},
		Paths:      make(map[string]map[string]*operation),
		Components: map[string]map[string]*schema{"schemas": s.schemas.components},
	}
	failure := s.schemas.of(reflect.TypeFor[ErrorAnswer]())
	for i := range s.routes {
		e := &s.routes[i]
		if d.Paths[e.path] == nil {
			d.Paths[e.path] = make(map[string]*operation)
		}
		op := s.operation(e)
		op.Responses["default"] = &documentAnswer{"what went wrong", map[string]*mediaSchema{mediaJSON: {failure}}}
		d.Paths[e.path][strings.ToLower(e.method)] = op
	}
	for _, c := range s.bodies {
		s.schemas.closed(c)
	}
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // of plain structs
	}
	s.document = append(b, '\n')
}

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// pathParameters are what the parameters of paths stand for.
var pathParameters = map[string]string{
	"ref":      "an instance's name, its id, or a beginning of its id that no other's has",
	"snapshot": "a snapshot's name",
}

func (s *Server) operation(e *route) *operation {
	op := &operation{ID: operationID(e), Summary: e.summary, Responses: make(map[string]*documentAnswer)}
	for _, m := range pathParameter.FindAllStringSubmatch(e.path, -1) {
		op.Parameters = append(op.Parameters, &documentParameter{
			Name: m[1], In: "path", Required: true, Schema: &schema{Type: typeString},
			Description: pathParameters[m[1]],
		})
	}
	if e.query != nil {
		for _, p := range parametersOf(e.query) {
			op.Parameters = append(op.Parameters, &documentParameter{Name: p.name, In: "query", Description: p.doc, Schema: s.parameterSchema(p.typ)})
		}
	}
	for _, h := range e.headers {
		op.Parameters = append(op.Parameters, &documentParameter{Name: h.name, In: "header", Description: h.what, Required: h.required, Schema: &schema{Type: typeString}})
	}
	switch {
	case e.media != "":
		op.RequestBody = &documentBody{Required: true, Content: map[string]*mediaSchema{e.media: {}}}
	case e.body != nil:
		c := s.schemas.of(e.body)
		s.bodies[e.body] = c
		required := len(s.schemas.components[componentName(e.body)].Required) > 0
		op.RequestBody = &documentBody{Required: required, Content: map[string]*mediaSchema{mediaJSON: {c}}}
	}
	for _, a := range e.answers {
		s.addAnswer(op, a)
	}
	return op
}

// addAnswer adds an answer; several of one status differ by their media.
func (s *Server) addAnswer(op *operation, a answer) {
	status := strconv.Itoa(a.status)
	said := op.Responses[status]
	if said == nil {
		said = &documentAnswer{Description: "done"}
		op.Responses[status] = said
	}
	if a.what != "" {
		said.Description = a.what
	}
	if a.media == "" {
		return
	}
	if said.Content == nil {
		said.Content = make(map[string]*mediaSchema)
	}
	m := &mediaSchema{}
	switch {
	case a.typ == reflect.TypeFor[Document]():
		m.Schema = &schema{Type: typeObject}
	case a.typ != nil:
		m.Schema = s.schemas.of(a.typ)
	}
	said.Content[a.media] = m
}

// parameterSchema is the schema of a query's parameter.
func (s *Server) parameterSchema(t reflect.Type) *schema {
	if t == filtersType {
		return &schema{Type: typeArray, Items: &schema{Type: typeString}}
	}
	return s.schemas.of(t)
}

// operationID is a name for clients that are made from the document.
func operationID(e *route) string {
	var id strings.Builder
	id.WriteString(strings.ToLower(e.method))
	for part := range strings.FieldsFuncSeq(e.path, func(r rune) bool { return r == '/' || r == '{' || r == '}' || r == '.' }) {
		id.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return id.String()
}
