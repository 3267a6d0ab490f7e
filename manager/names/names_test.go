package names

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	nameRule     = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)
	idRule       = regexp.MustCompile(`^[0-9a-f]{64}$`)
	inventedRule = regexp.MustCompile(`^[a-z]+_[a-z]+[0-9]*$`)
)

func TestNamesAreJudged(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for name, want := range map[string]string{
		"a": "", "9": "", "web-1.x_y": "", strings.Repeat("x", 64): "", id[1:]: "", strings.ToUpper(id): "", "a-": "",
		"":                      `name "": it is empty`,
		strings.Repeat("x", 65): `name "` + strings.Repeat("x", 65) + `": it has more than 64 characters`,
		"a b":                   `name "a b": it may have letters, digits, '.', '_' and '-' only`,
		"../x":                  `name "../x": it may have letters, digits, '.', '_' and '-' only`,
		"é":                     `name "é": it may have letters, digits, '.', '_' and '-' only`,
		"a\xff":                 `name "a\xff": it may have letters, digits, '.', '_' and '-' only`,
		"..":                    `name "..": it has to begin with a letter or a digit`,
		"-a":                    `name "-a": it has to begin with a letter or a digit`,
		id:                      `name "` + id + `": 64 hexadecimal digits are an id`,
	} {
		got := ""
		if err := Valid(name); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestInventedNamesAreNamesAndNotTaken(t *testing.T) {
	taken := map[string]bool{}
	for range 3000 {
		name := New(func(n string) bool { return taken[n] })
		if err := Valid(name); err != nil || taken[name] || !inventedRule.MatchString(name) {
			t.Fatalf("%q, taken %v, %v", name, taken[name], err)
		}
		taken[name] = true
	}
	// With every plain name taken, and with every one of a digit, there are more.
	for _, rule := range []string{`[a-z]$`, `[a-z][0-9]?$`} {
		r := regexp.MustCompile(rule)
		if name := New(r.MatchString); r.MatchString(name) || Valid(name) != nil {
			t.Errorf("%q matches %s", name, rule)
		}
	}
}

func TestTheListsAreOfDifferentWords(t *testing.T) {
	for name, list := range map[string][]string{"adjectives": adjectives, "surnames": surnames} {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			t.Errorf("%s are not in order, or have one twice", name)
		}
	}
	if len(adjectives) < 100 || len(surnames) < 200 {
		t.Errorf("%d adjectives, %d surnames", len(adjectives), len(surnames))
	}
}

func TestIDsDiffer(t *testing.T) {
	a, b := NewID(), NewID()
	if a == b || !idRule.MatchString(a) || !IsID(a) || IsID(a[1:]) || IsID(strings.ToUpper("a"+a[1:])) {
		t.Errorf("ids %s and %s", a, b)
	}
}

// FuzzValid wants the rule's own words, as a regular expression, to agree.
func FuzzValid(f *testing.F) {
	for _, seed := range []string{"", "a", "a.b", "\xff", strings.Repeat("a", 64), strings.Repeat("g", 64), strings.Repeat("é", 33)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := nameRule.MatchString(name) && !idRule.MatchString(name)
		if got := Valid(name) == nil; got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	})
}
