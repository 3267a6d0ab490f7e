package configs

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"
)

var update = flag.Bool("update", false, "rewrite the reference in docs/configuration.md")

const (
	manual         = "../docs/configuration.md"
	referenceBegin = "<!-- reference: made by \"go test ./configs -update\" from the types in configs/ -->\n"
	referenceEnd   = "<!-- end of reference -->"
)

func TestManualHoldsTheReferenceOfTheTypes(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := bytes.Cut(text, []byte(referenceBegin))
	written, after, ended := bytes.Cut(rest, []byte(referenceEnd))
	if !found || !ended {
		t.Fatalf("%s: the marks of the reference are gone", manual)
	}
	want := writeReference(t)
	if string(written) == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the types do: run go test ./configs -update, and read the diff", manual)
	}
	all := append(append([]byte{}, before...), referenceBegin+want+referenceEnd...)
	if err := os.WriteFile(manual, append(all, after...), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestExamplesOfTheDocumentsParse(t *testing.T) {
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, name := range append(documents, "../README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for rest := string(text); ; {
			_, body, found := strings.Cut(rest, "```toml\n")
			if !found {
				break
			}
			var example string
			example, rest, _ = strings.Cut(body, "```")
			examples++
			if !strings.Contains(example, "[boot]") { // a part of a file
				example = "[boot]\nkernel = \"k\"\n[init]\nexec = [\"/bin/sh\"]\n" + example
			}
			if _, err := Parse("example.toml", []byte(example)); err != nil {
				t.Errorf("%s: %v\nin:\n%s", name, err, example)
			}
		}
	}
	if examples < 6 {
		t.Errorf("%d examples found: has their mark changed?", examples)
	}
}

// schemaFiles hold the types that machine files are made of.
var schemaFiles = []string{"machine.go", "storage.go", "net.go", "channels.go", "supervision.go"}

// comments are the doc comments of the schema, by type and by Type.Field.
func comments(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	var decls []ast.Decl
	for _, name := range schemaFiles {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		decls = append(decls, file.Decls...)
	}
	for _, d := range decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.TYPE {
			continue
		}
		spec := decl.Specs[0].(*ast.TypeSpec)
		found[spec.Name.Name] = decl.Doc.Text()
		fields, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range fields.Fields.List {
			found[spec.Name.Name+"."+f.Names[0].Name] = f.Doc.Text()
		}
	}
	return found
}

// sentence turns a Go comment into a sentence of the manual: the name it begins
// with is the key that stands before it there.
func sentence(comment, name string) string {
	s := strings.Join(strings.Fields(comment), " ")
	s = strings.TrimPrefix(s, name+" ")
	s = strings.TrimPrefix(strings.TrimPrefix(s, "is "), "are ")
	r := []rune(s)
	if len(r) == 0 {
		return ""
	}
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}

func writeReference(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	doc := comments(t)
	var section func(title, path string, v reflect.Value)
	section = func(title, path string, v reflect.Value) {
		name := v.Type().Name()
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", title, mustSay(t, doc, name, name))
		var tables []field
		for _, f := range fieldsOf(v.Type()) {
			if isTable(v.Field(f.index).Type()) {
				tables = append(tables, f)
				if v.Field(f.index).Kind() == reflect.Struct {
					continue
				}
			}
			goName := v.Type().Field(f.index).Name
			kind, standard := describe(v.Field(f.index))
			fmt.Fprintf(&b, "- `%s`: %s%s. %s\n", f.key, kind, standard, mustSay(t, doc, name+"."+goName, goName))
		}
		for _, f := range tables {
			value, at := v.Field(f.index), join(path, f.key)
			if value.Kind() == reflect.Slice {
				one := reflect.New(value.Type().Elem()).Elem()
				one.Addr().Interface().(interface{ complete() }).complete()
				section("`[["+at+"]]`", at, one)
				continue
			}
			section("`["+at+"]`", at, value)
		}
	}
	section("At the head of the file", "", reflect.ValueOf(Default()).Elem())
	b.WriteString("\n")
	return b.String()
}

func mustSay(t *testing.T, doc map[string]string, key, name string) string {
	t.Helper()
	s := sentence(doc[key], name)
	if s == "" {
		t.Errorf("%s has no comment", key)
	}
	return s
}

// describe says what a field takes and what it is without one.
func describe(v reflect.Value) (kind, standard string) {
	words := func(list []string) string {
		quoted := make([]string, len(list))
		for i, w := range list {
			quoted[i] = "`\"" + w + "\"`"
		}
		return orList(quoted)
	}
	switch v.Interface().(type) {
	case Model:
		kind = words(modelWords)
	case Backing:
		kind = words(backingWords)
	case Protocol:
		kind = words(protocolWords)
	case SerialOutput:
		kind = words(outputWords)
	case Action:
		kind = words(actionWords)
	case HugePages:
		kind = words(hugePagesWords)
	case RestartPolicy:
		kind = words(restartWords)
	case CPUQuota:
		kind = "string"
	case DiskFormat:
		kind = words(formatWords)
	case ShareCache:
		kind = words(cacheWords)
	case NetType:
		kind = words(netTypeWords)
	case Vhost:
		kind = words(vhostWords)
	case Size:
		kind = "size"
	case Duration:
		kind = "time"
	case Mode:
		kind = "string"
	case []string:
		kind = "array of strings"
	case int:
		kind = "whole number"
	case bool:
		kind = "true or false"
	case string:
		kind = "string"
	default:
		return "array of tables", ""
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.String && v.Len() == 0 {
		return kind, ""
	}
	return kind, ", by default `" + renderValue(v) + "`"
}

func TestMessagesOfTheManualAreTheRealOnes(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	const bad = "[boot]\nkernel = \"k\"\n[cpu]\ncount = 1000\nmodle = \"host\"\n[memory]\nsize = \"512MB\"\n[init]\nexec = [\"sh\"]\n"
	_, err = Parse("bad.toml", []byte(bad))
	if want := "hull: " + err.Error() + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("%s lacks\n%s", manual, want)
	}
}
