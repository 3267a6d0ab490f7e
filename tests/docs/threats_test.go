package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// root is the module's folder.
const root = "../.."

// named are the tests that the document names: the package's folder, a dot, and the
// function.
var named = regexp.MustCompile("`([a-z0-9/]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)`")

// TestEveryTestOfTheThreatModelExists holds that a line of the document is proven by
// a test that there is.
func TestEveryTestOfTheThreatModelExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := named.FindAllSubmatch(text, -1)
	if len(found) < 40 {
		t.Fatalf("the document names %d tests: the pattern does not find them", len(found))
	}
	for _, m := range found {
		folder, name := string(m[1]), string(m[2])
		if !declared(t, folder, name) {
			t.Errorf("%s.%s: there is no such test", folder, name)
		}
	}
	// A name that is written in another way would not be looked for.
	for _, word := range regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z][A-Za-z0-9]+`).FindAll(text, -1) {
		if !regexp.MustCompile("`[a-z0-9/]+\\." + string(word) + "`").Match(text) {
			t.Errorf("%s: it stands without its package", word)
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
