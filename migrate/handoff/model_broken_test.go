package handoff

import (
	"errors"
	"testing"
)

// breach is a rule of one side that is broken on purpose.
type breach struct {
	name   string
	rule   error // what the model objects to first
	harm   error // what comes of it
	perish bool  // it takes a target that burns down
	with   func(*sides)
}

// TestModelFindsWhatIsBroken breaks the rules of either side in one place each. The
// model must object, and must also find the harm that it leads to when nobody objects
// before: a model that finds nothing in the product could find something.
func TestModelFindsWhatIsBroken(t *testing.T) {
	for _, c := range append(sourceBreaches(), targetBreaches()...) {
		t.Run(c.name, func(t *testing.T) {
			broken := product()
			c.with(&broken)
			m := model{sides: broken, cancels: c.rule == errCancel, mayPerish: c.perish}
			wantFound(t, m, c.rule)
			if m.harmOnly = true; c.harm != c.rule {
				wantFound(t, m, c.harm)
			}
		})
	}
}

func wantFound(t *testing.T, m model, rule error) {
	t.Helper()
	_, bad := m.explore()
	switch {
	case bad == nil:
		t.Fatalf("nothing was found; want: %v", rule)
	case !errors.Is(bad.rule, rule):
		t.Errorf("want %q; found: %v", rule, bad)
	default:
		t.Log(bad)
	}
}

// afterSource changes a source's answers, and what it has become.
func afterSource(change func(before Source, s *Source, e Event, did []SourceAction) []SourceAction) func(*sides) {
	return func(x *sides) {
		x.source = func(s *Source, e Event) []SourceAction {
			before := *s
			return change(before, s, e, s.Step(e))
		}
	}
}

// afterTarget is the same for a target.
func afterTarget(change func(before Target, t *Target, e Event, did []TargetAction) []TargetAction) func(*sides) {
	return func(x *sides) {
		x.target = func(t *Target, e Event) []TargetAction {
			before := *t
			return change(before, t, e, t.Step(e))
		}
	}
}
