package handoff

import "testing"

// TestModel goes through all that can happen to the two sides. docs/migration-model.md
// says what that is, and has the numbers that it prints.
func TestModel(t *testing.T) {
	for _, c := range []struct {
		name  string
		model model
	}{
		{"without an operator", model{sides: product(), cancels: true}},
		{"with an operator who is right, and a target that may burn down", model{sides: product(), truth: true, mayPerish: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, bad := c.model.explore()
			if bad != nil {
				t.Fatal(bad)
			}
			t.Logf("%d worlds, %d of them calm; %d steps", len(x.worlds), x.calm, x.steps)
		})
	}
}
