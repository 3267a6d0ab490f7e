package handoff

import (
	"errors"
	"slices"
	"testing"
)

// TestAWrongWordIsAllThatBreaksIt has a person say what is not so. That is what it
// takes for two sides to run, or none: docs/migration-model.md shows these ways.
func TestAWrongWordIsAllThatBreaksIt(t *testing.T) {
	for _, c := range []struct {
		name  string
		model model
		harm  error
		word  Event
	}{
		{"the target is said to be gone, and is not", model{liesHere: true}, errBothRun, ResolveSource},
		{"the target is said to have it, and has not", model{liesThere: true}, errLost, ResolveTarget},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.model.sides, c.model.harmOnly = product(), true
			_, bad := c.model.explore()
			if bad == nil {
				t.Fatal("nothing comes of it: the model does not ask the person")
			}
			if !errors.Is(bad.rule, c.harm) {
				t.Errorf("want %q; found: %v", c.harm, bad)
			}
			if !slices.ContainsFunc(bad.trace, func(m move) bool { return m.what == c.word }) {
				t.Errorf("nobody was asked: %v", bad)
			}
			t.Log(bad)
		})
	}
}
