package monitor

import (
	"strings"
	"testing"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

// One byte that is another one is found; a state that says nothing is not asked.
func TestMemoryIsComparedWithWhatTheStateSays(t *testing.T) {
	const size = 8 << 20
	a, b := newMemory(t, mem.Options{Size: size}), newMemory(t, mem.Options{Size: size})
	for _, g := range []*mem.Guest{a, b} {
		if err := g.WriteAt([]byte("the same"), 5<<20); err != nil {
			t.Fatal(err)
		}
	}
	s := vmstate.New()
	if err := checkSum(t.Context(), s, b, nil); err != nil {
		t.Errorf("nothing to compare with: %v", err)
	}
	if err := putSum(t.Context(), s, a, nil); err != nil {
		t.Fatal(err)
	}
	if err := checkSum(t.Context(), s, b, nil); err != nil {
		t.Errorf("the same memory: %v", err)
	}
	if err := b.PutUint8(size-1, 1); err != nil {
		t.Fatal(err)
	}
	if err := checkSum(t.Context(), s, b, nil); err == nil || !strings.Contains(err.Error(), "not what was sent") {
		t.Errorf("other memory: %v", err)
	}
}
