package commands

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// documented are the documents whose examples are run, with how many each has at the
// least.
var documented = map[string]int{"instances": 40, "snapshots": 15}

// example is a command of a document, and what it prints.
type example struct {
	line    int
	command string
	output  string
}

// examples reads a document's blocks that begin with a prompt, and its machine
// files, by the names that their first lines have in a comment.
func examples(t *testing.T, path string) (list []example, files map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files = make(map[string]string)
	lines := strings.Split(string(text), "\n")
	for i := 0; i < len(lines); i++ {
		fence, isFence := strings.CutPrefix(lines[i], "```")
		if !isFence {
			continue
		}
		begin := i + 1
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		block := lines[begin:i]
		switch {
		case len(block) == 0:
		case fence == "toml" && strings.HasPrefix(block[0], "# "):
			files[strings.TrimPrefix(block[0], "# ")] = strings.Join(block, "\n") + "\n"
		case fence == "" && strings.HasPrefix(block[0], "$ "):
			list = append(list, split(block, begin+1)...)
		}
	}
	return list, files
}

func split(block []string, first int) []example {
	var list []example
	for i, l := range block {
		if command, ok := strings.CutPrefix(l, "$ "); ok {
			list = append(list, example{line: first + i, command: command})
			continue
		}
		list[len(list)-1].output += l + "\n"
	}
	return list
}

// What varies from run to run, and the word that stands for it.
var varying = []struct {
	pattern *regexp.Regexp
	word    string
}{
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "ID"},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), "SHORTID"},
	{regexp.MustCompile(`\b(Less than a second|About a minute|About an hour|\d+ (second|minute|hour)s?)\b`), "AGE"},
	{regexp.MustCompile(`\b\d{2}:\d{2}(:\d{2})?\b`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)?%`), "PERCENT"},
	{regexp.MustCompile(`\b\d+(\.\d+)?([kMG]i?)?B\b`), "SIZE"},
}

// canon is a text without what varies. Columns are as wide as what is in them.
func canon(text string) string {
	for _, v := range varying {
		text = v.pattern.ReplaceAllString(text, v.word)
	}
	var out []string
	for l := range strings.Lines(text) {
		out = append(out, strings.Join(strings.Fields(l), " "))
	}
	return strings.Join(out, "\n")
}

// counted are commands whose numbers are the host's.
var counted = regexp.MustCompile(`^hull (stats|top)\b`)

var number = regexp.MustCompile(`\b\d+\b`)

func (e example) canon(text string) string {
	text = canon(text)
	if counted.MatchString(e.command) {
		text = number.ReplaceAllString(text, "N")
	}
	return text
}

func TestTheDocumentsHaveTheirExamples(t *testing.T) {
	for name, least := range documented {
		list, files := examples(t, "../../docs/"+name+".md")
		if len(list) < least || files["web.toml"] == "" {
			t.Errorf("docs/%s.md: %d examples, and %d machine files", name, len(list), len(files))
		}
	}
}

func TestCanonKeepsWhatMatters(t *testing.T) {
	same := [][2]string{
		{"f21a7c0f5b9d   9 seconds ago   Up 8 seconds    web", "0123456789ab  About a minute ago Up 1 hour   web"},
		{"96.4MiB / 128MiB 75.31% 0B / 1.2kB", "1.5GiB / 2GiB 1.00% 3B / 4.5MB"},
	}
	for _, c := range same {
		if canon(c[0]) != canon(c[1]) {
			t.Errorf("%q is not %q", canon(c[0]), canon(c[1]))
		}
	}
	for _, c := range [][2]string{{"Up 8 seconds", "Up 8 seconds (Paused)"}, {"143", "137"}, {"web", "shop"}} {
		if canon(c[0]) == canon(c[1]) {
			t.Errorf("%q and %q are one", c[0], c[1])
		}
	}
}
