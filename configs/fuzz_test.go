package configs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse holds the law that a machine rendered and parsed is the same, and
// that a message never sends a terminal anything but text.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, "cpu.count=2")
	}
	f.Add([]byte(small), "init.files[0].path=/a")
	f.Add([]byte("[[init.files]]\npath='/a'\n[init.files.x]\n[[init.files]]\n[a.\"b.c\".d]\ne={f=[{g=1}]}"), "init.files[1].mode=0755")
	f.Add([]byte("name='''\n''''\nx=1979-05-27T07:32:00Z\ny=[inf, 0x1f]\n\"\"=1"), "boot.cmdline=\"\\u001b\"")
	f.Add([]byte("boot=3\ninit=[]"), "boot.kernel=./x")
	f.Fuzz(func(t *testing.T, text []byte, set string) {
		var sets []Set
		if s, err := ParseSet(set); err == nil {
			sets = append(sets, s)
		}
		m, err := Parse("machine.toml", text, sets...)
		if err != nil {
			var p *Problems
			if !errors.As(err, &p) || len(p.List) == 0 {
				t.Fatalf("not a list of mistakes: %v", err)
			}
			if i := strings.IndexFunc(err.Error(), func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) }); i >= 0 {
				t.Fatalf("the message holds %q", err.Error()[i:])
			}
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatalf("parsed, and not valid: %v", err)
		}
		rendered := Render(m)
		again, err := Parse("machine.toml", rendered)
		if err != nil {
			t.Fatalf("rendered, and not parsed: %v\n%s", err, rendered)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Fatalf("changed (-before +after):\n%s", diff)
		}
		if twice := Render(again); !bytes.Equal(rendered, twice) {
			t.Fatalf("rendered twice:\n%s\n%s", rendered, twice)
		}
	})
}
