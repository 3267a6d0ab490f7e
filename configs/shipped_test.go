package configs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShippedFilesParse(t *testing.T) {
	files, err := filepath.Glob("*.toml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 8 {
		t.Fatalf("only %q are here", files)
	}
	for _, name := range files {
		t.Run(name, func(t *testing.T) {
			m, err := Load(name)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.TrimSuffix(name, ".toml"); m.Name != want {
				t.Errorf("the machine's name is %q, its file's %q", m.Name, want)
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(text, []byte("# ")) {
				t.Error("no comment at its head says what it shows")
			}
			again, err := Parse(name, Render(m))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, again); diff != "" {
				t.Errorf("rendered and parsed again (-before +after):\n%s", diff)
			}
		})
	}
}
