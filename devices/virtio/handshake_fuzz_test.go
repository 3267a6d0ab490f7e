package virtio

import "testing"

// FuzzHandshake writes any status and features in any order. Each write of the
// status must do what the rules of the specification say, and where the device
// works both must have agreed on features.
func FuzzHandshake(f *testing.F) {
	const offered = FeatureVersion1 | FeatureEventIdx | 1<<3
	f.Add([]byte{0, 1, 0, 3, 1, 8, 2, 1, 0, 11, 0, 15})
	f.Add([]byte{0, 3, 2, 1, 0, 11, 4, 0, 0, 15, 0, 0x4f, 0, 0})
	f.Add([]byte{0, 3, 3, 1, 2, 1, 0, 11, 5, 0, 0, 0x83})
	f.Fuzz(func(t *testing.T, input []byte) {
		h := NewHandshake(offered)
		for ; len(input) >= 2; input = input[2:] {
			v := input[1]
			switch input[0] % 6 {
			case 0:
				writeChecked(t, h, Status(v))
			case 1:
				_ = h.WriteDriverFeatures(0, uint32(v))
			case 2:
				_ = h.WriteDriverFeatures(1, uint32(v))
			case 3:
				_ = h.WriteDriverFeatures(uint32(v), uint32(v))
			case 4:
				h.NeedsReset()
			case 5:
				other := NewHandshake(offered)
				if err := other.Restore(h.State()); err != nil {
					t.Fatalf("state %+v is refused: %v", h.State(), err)
				}
				h = other
			}
			if got := h.Features(); got&^offered != 0 || got != 0 && got&FeatureVersion1 == 0 || h.Working() && got == 0 {
				t.Fatalf("status %v with features %#x", h.Status(), got)
			}
		}
	})
}

func writeChecked(t *testing.T, h *Handshake, v Status) {
	t.Helper()
	before := h.State()
	wantStep, wantStatus, wantErr := expected(before.Status, v)
	step, err := h.WriteStatus(v)
	if wantStep == StepFeatures && err != nil {
		if h.State() != before || step != StepNone {
			t.Fatalf("refused features changed the state from %+v to %+v", before, h.State())
		}
		return
	}
	if step != wantStep || h.Status() != wantStatus || (err != nil) != wantErr {
		t.Fatalf("write of %v at %v: step %d, status %v, error %v", v, before.Status, step, h.Status(), err)
	}
}
