package httpapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

var rewrite = flag.Bool("update", false, "rewrite testdata")

func TestTheDocumentIsTheGoldenOne(t *testing.T) {
	s := New(&fakeEngine{}, Options{Version: "0.0.0"})
	path := filepath.Join("testdata", "openapi.json")
	if *rewrite {
		if err := os.WriteFile(path, s.document, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.document, want) {
		t.Errorf("the document is not that of %s; go test -update rewrites it, and its diff is to be read", path)
	}
}

func TestEveryRouteIsInTheDocument(t *testing.T) {
	s := New(&fakeEngine{}, Options{})
	var d struct {
		Paths map[string]map[string]struct {
			OperationID string                      `json:"operationId"`
			Summary     string                      `json:"summary"`
			Parameters  []struct{ Name, In string } `json:"parameters"`
			RequestBody *struct {
				Content map[string]any `json:"content"`
			} `json:"requestBody"`
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(s.document, &d); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for _, e := range s.routes {
		op, ok := d.Paths[e.path][strings.ToLower(e.method)]
		name := e.method + " " + e.path
		if !ok || op.Summary == "" || op.OperationID == "" || ids[op.OperationID] {
			t.Errorf("%s: %v %+v", name, ok, op)
		}
		ids[op.OperationID] = true
		for _, a := range e.answers {
			if op.Responses[strconv.Itoa(a.status)] == nil {
				t.Errorf("%s: no answer of status %d", name, a.status)
			}
		}
		if op.Responses["default"] == nil {
			t.Errorf("%s: no error", name)
		}
		parameters := strings.Count(e.path, "{") + len(e.headers)
		if e.query != nil {
			parameters += e.query.NumField()
		}
		if len(op.Parameters) != parameters || (op.RequestBody != nil) != (e.body != nil || e.media != "") {
			t.Errorf("%s: %d parameters, want %d; a body: %v", name, len(op.Parameters), parameters, op.RequestBody != nil)
		}
		delete(d.Paths[e.path], strings.ToLower(e.method))
	}
	for path, left := range d.Paths {
		for method := range left {
			t.Errorf("%s %s is in the document, and no route", method, path)
		}
	}
	// References lead somewhere.
	for part := range strings.SplitSeq(string(s.document), `"$ref": "`) {
		name, _, _ := strings.Cut(part, `"`)
		if name, ok := strings.CutPrefix(name, componentPrefix); ok && d.Components.Schemas[name] == nil {
			t.Errorf("the schema %q is not there", name)
		}
	}
}

// TestSchemasAreWhatJSONIs compares what encoding/json makes of values of every
// type in the document, empty ones and full ones, with their schemas: every field
// is declared, and of its type.
func TestSchemasAreWhatJSONIs(t *testing.T) {
	s := New(&fakeEngine{}, Options{})
	tested := 0
	for name, typ := range s.schemas.types {
		c := s.schemas.component(typ)
		for _, fillers := range []int{0, 1, 2} {
			v := reflect.New(typ)
			if fillers > 0 {
				fill(v.Elem(), fillers)
			}
			b, err := json.Marshal(v.Interface())
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if err := checkStrictly(s.schemas, c, b); err != nil && !(fillers == 0 && emptyText(err)) {
				t.Errorf("%s: %s: %v", name, b, err)
			}
			tested++
		}
	}
	if tested < 3*20 {
		t.Errorf("%d values were tested", tested)
	}
	// And those that the engine really has.
	detail := &manager.Detail{Summary: testSummary()}
	for _, v := range []any{
		testSummary(), detail,
		[]manager.Summary{},
		instance.Exit{},
		manager.Stats{},
		[]manager.Process{{}},
		events.Event{Time: testTime, Action: "start"},
		ErrorAnswer{Error: Failure{Kind: instance.KindBusy}},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkStrictly(s.schemas, s.schemas.of(reflect.TypeOf(v)), b); err != nil {
			t.Errorf("%T: %s: %v", v, b, err)
		}
	}
}

// emptyText says whether an error is of a word that cannot be empty, as it is in
// the zero value of its struct.
func emptyText(err error) bool {
	for _, f := range []string{`"restart"`, `"kind"`, `"error"."kind"`, `"side"`} {
		if strings.HasPrefix(err.Error(), f) {
			return true
		}
	}
	return false
}

// checkStrictly refuses fields that are not declared, whatever the schema allows.
func checkStrictly(s *schemas, c *schema, text []byte) error {
	strict := newSchemas()
	for name, component := range s.components {
		copied := *component
		if copied.Additional == nil {
			copied.Additional = false
		}
		strict.components[name] = &copied
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return strict.check("", c, v)
}

// fill gives every field a value: the smallest of something, or the largest.
func fill(v reflect.Value, how int) {
	switch v.Type() {
	case timeType:
		v.Set(reflect.ValueOf(testTime.Add(time.Duration(how))))
		return
	case reflect.TypeFor[instance.Kind]():
		v.SetString(string(instance.KindBusy))
		return
	case reflect.TypeFor[manager.Side]():
		v.SetString(string(manager.SideTarget))
		return
	case reflect.TypeFor[Moment]():
		v.Set(reflect.ValueOf(Moment{testTime}))
		return
	case reflect.TypeFor[Signal]():
		v.Set(reflect.ValueOf(Signal(15)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("no") // also a restart policy
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt([]int64{0, 100, 819200}[how])
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1<<v.Type().Bits() - 1)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), how)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), how-1, how-1))
		for i := range v.Len() {
			fill(v.Index(i), how)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), how)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		if how > 1 {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(e, how)
			v.SetMapIndex(reflect.ValueOf("key"), e)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), how)
			}
		}
	default:
		panic(fmt.Sprint(v.Type()))
	}
}

func TestSchemasRefuseWhatTheyCannotSay(t *testing.T) {
	for name, v := range map[string]any{
		"a channel": struct{ C chan int }{},
		"a number as text": struct {
			N int `json:"n,string"`
		}{},
		"two of one name": []any{struct{ A manager.Stats }{}},
		"an interface":    struct{ A any }{},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s has a schema", name)
				}
			}()
			s := newSchemas()
			s.types["Stats"] = reflect.TypeFor[int]()
			if list, ok := v.([]any); ok {
				v = list[0]
			}
			c := &schema{Properties: map[string]*schema{}}
			s.fields(reflect.TypeOf(v), c)
		}()
	}
}
