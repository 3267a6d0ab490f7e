package jail

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hullvm/hull/internal/jail"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/system-calls.md")

const (
	document = "../../docs/system-calls.md"
	begin    = "<!-- calls: made by \"go test ./monitor/jail -update\" from the tables in monitor/jail and internal/jail -->\n"
	end      = "<!-- calls: end -->\n"
)

// tables are what the document has between its marks.
func tables() string {
	var b strings.Builder
	for _, table := range []struct {
		title string
		calls []jail.Call
	}{
		{"Of Go's runtime", jail.Runtime()},
		{"Of Go's runtime, with some arguments", jail.RuntimeConditional()},
		{"Of the machine and its devices", Calls()},
		{"Of the machine, with some arguments", Conditional()},
		{"That fail", Refused()},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| call | what for | seldom |\n|---|---|---|\n", table.title)
		for _, c := range table.calls {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, c.Why, c.Rare)
		}
	}
	b.WriteString("\n## Requests of ioctl\n\n| request | number | what for | seldom |\n|---|---|---|---|\n")
	for _, r := range Requests() {
		fmt.Fprintf(&b, "| `%s` | %#x | %s | %s |\n", r.Name, r.Number, r.Why, r.Rare)
	}
	return b.String() + "\n"
}

func TestTheDocumentHasTheTables(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := bytes.Cut(text, []byte(begin))
	has, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for the tables", document)
	}
	if string(has) == tables() {
		return
	}
	if !*update {
		t.Fatalf("%s does not say what the tables do: run go test ./monitor/jail -update, and read the diff", document)
	}
	if err := os.WriteFile(document, []byte(string(head)+begin+tables()+end+string(tail)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestEveryEntryHasAReason(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range append(append(Calls(), Refused()...), Conditional()...) {
		if c.Why == "" || seen[c.Name] {
			t.Errorf("%s: no reason, or twice", c.Name)
		}
		seen[c.Name] = true
	}
	numbers := make(map[uint32]string)
	for _, r := range Requests() {
		if r.Why == "" || r.Number == 0 || numbers[r.Number] != "" {
			t.Errorf("%s: no reason, no number, or the same as %s", r.Name, numbers[r.Number])
		}
		numbers[r.Number] = r.Name
	}
}
