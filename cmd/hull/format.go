package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"

	"github.com/spf13/cobra"
)

// format is how rows are shown: as a table, one by one through a template, or as
// JSON, one object a line.
type format struct {
	text     string // as it was given, for messages
	table    bool
	json     bool
	template *template.Template
}

// headers are the words above the columns of a table, by the rows' fields.
type headers map[string]string

// Label is the word above the column of one label.
func (headers) Label(key string) string { return key }

// formatUsage is the help of --format.
const formatUsage = "table, `table TEMPLATE`, json, or a template of Go's (text/template) for each row"

// formatFuncs are the functions of a template beside text/template's own.
var formatFuncs = template.FuncMap{
	"json": func(v any) (string, error) {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		err := e.Encode(v)
		return strings.TrimSuffix(out.String(), "\n"), err
	},
	"join":  func(list []string, separator string) string { return strings.Join(list, separator) },
	"split": strings.Split,
	"lower": strings.ToLower,
	"upper": strings.ToUpper,
}

// parseFormat reads the value of --format; columns is the template of the table
// where none was given.
func parseFormat(text, columns string) (*format, error) {
	f := &format{text: text}
	source := text
	switch rest, isTable := strings.CutPrefix(text, "table"); {
	case text == "json":
		f.json = true
		return f, nil
	case text == "" || isTable && strings.TrimSpace(rest) == "":
		f.table, source = true, columns
	case isTable && (rest[0] == ' ' || rest[0] == '\t'):
		f.table, source = true, strings.TrimSpace(rest)
	}
	t, err := parseTemplate(source)
	if err != nil {
		return nil, fmt.Errorf("--format %q: %w", text, err)
	}
	f.template = t
	return f, nil
}

// parseTemplate takes \t and \n in a template for what they are in Go.
func parseTemplate(source string) (*template.Template, error) {
	source = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(source)
	return template.New("format").Option("missingkey=error").Funcs(formatFuncs).Parse(source)
}

// printRows writes rows in a format.
func printRows[T any](w io.Writer, f *format, words headers, rows []T) error {
	if f.json {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		for _, r := range rows {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	var text bytes.Buffer
	if f.table {
		if err := f.line(&text, words); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if err := f.line(&text, r); err != nil {
			return err
		}
	}
	if !f.table {
		_, err := w.Write(text.Bytes())
		return err
	}
	t := tabwriter.NewWriter(w, 10, 1, 3, ' ', 0)
	if _, err := t.Write(text.Bytes()); err != nil {
		return err
	}
	return t.Flush()
}

func (f *format) line(w *bytes.Buffer, row any) error {
	if err := f.template.Execute(w, row); err != nil {
		return fmt.Errorf("--format %q: %w", f.text, err)
	}
	w.WriteByte('\n')
	return nil
}

// completeFormat completes --format.
func completeFormat(cmd *cobra.Command) {
	completeFlag(cmd, "format", "table", "json")
}

// completeFlag gives a flag's values to the shell.
func completeFlag(cmd *cobra.Command, flag string, values ...cobra.Completion) {
	completeFlagWith(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeFlagWith has a function give them.
func completeFlagWith(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic(err) // a flag that the command has not: found by the first test
	}
}
