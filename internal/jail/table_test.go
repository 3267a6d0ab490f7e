package jail

import "testing"

func TestEveryCallOfTheRuntimeHasAReason(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range append(Runtime(), RuntimeConditional()...) {
		if c.Why == "" {
			t.Errorf("%s: no reason", c.Name)
		}
		if seen[c.Name] {
			t.Errorf("%s is there twice", c.Name)
		}
		seen[c.Name] = true
	}
}
