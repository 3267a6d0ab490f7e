package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// root is the module's folder.
const root = "../.."

// named are the tests that a document names: the package's folder, a dot, and the
// function.
var named = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")

// TestEveryTestOfADocumentExists holds that a line of a document is proven by a test
// that there is.
func TestEveryTestOfADocumentExists(t *testing.T) {
	for document, fewest := range map[string]int{"threat-model.md": 60, "migration.md": 60} {
		text, err := os.ReadFile(filepath.Join(root, "docs", document))
		if err != nil {
			t.Fatal(err)
		}
		found := named.FindAllSubmatch(text, -1)
		if len(found) < fewest {
			t.Fatalf("%s names %d tests: the pattern does not find them", document, len(found))
		}
		for _, m := range found {
			folder, name := string(m[1]), string(m[2])
			if !declared(t, folder, name) {
				t.Errorf("%s: %s.%s: there is no such test", document, folder, name)
			}
		}
		// A name that is written in another way would not be looked for.
		for _, word := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]+`).FindAll(text, -1) {
			if !regexp.MustCompile("`[a-z0-9/]+\\." + string(word) + "`").Match(text) {
				t.Errorf("%s: %s: it stands without its package", document, word)
			}
		}
	}
}

// declared reports whether a folder has a test of that name.
func declared(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^func ` + name + `\(`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if want.Match(text) {
			return true
		}
	}
	return false
}
