package handoff

import "testing"

// TestModel goes through all that can happen to the two sides. docs/migration-model.md
// says what that is, and has the numbers that it prints.
func TestModel(t *testing.T) {
	for _, c := range []struct {
		name  string
		model model
	}{
		{"a user who cancels", model{cancels: true}},
		{"an operator who is right, and a target that may burn down", model{truth: true, mayPerish: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.model.sides = product()
			x, bad := c.model.explore()
			if bad != nil {
				t.Fatal(bad)
			}
			t.Logf("%d worlds, %d of them calm; %d steps", len(x.worlds), x.calm, x.steps)
			wantAll(t, x, &c.model)
		})
	}
}

// wantAll fails where the model never got a side into one of its states, never told it
// one of the events, or never had it do one of the things that there are.
func wantAll(t *testing.T, x *explored, m *model) {
	t.Helper()
	sources, targets := map[SourceState]bool{}, map[TargetState]bool{}
	for _, w := range x.worlds {
		sources[w.source.state], targets[w.target.state] = true, true
	}
	ofTruth := func(e Event) bool { return e == ResolveSource || e == ResolveTarget || e == GotAnswerUnknown }
	for i := range sourceStates {
		s := SourceState(i + 1)
		if byWord := s == SourceForgetting; !sources[s] && (m.truth || !byWord) {
			t.Errorf("no source was ever %v", s)
		}
	}
	for i := range targetStates {
		if s := TargetState(i + 1); !targets[s] {
			t.Errorf("no target was ever %v", s)
		}
	}
	for i := range events {
		e := Event(i + 1)
		if !m.cancels && e == Cancelled || !m.truth && ofTruth(e) {
			continue
		}
		if m.told[e] == 0 {
			t.Errorf("%v never happened", e)
		}
	}
	for i := range dos {
		d := Do(i + 1)
		if !m.cancels && (d == CancelWon || d == CancelLate) {
			continue
		}
		if m.did[d] == 0 {
			t.Errorf("%v was never done", d)
		}
	}
}
