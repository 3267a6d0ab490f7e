package virtio

import (
	"strings"
	"testing"
)

func TestStatusIsWrittenAsTheSpecificationSpellsIt(t *testing.T) {
	for s, want := range map[Status]string{
		0: "0", 1: "ACKNOWLEDGE", 0xf: "ACKNOWLEDGE|DRIVER|FEATURES_OK|DRIVER_OK", 0xd0: "DEVICE_NEEDS_RESET|FAILED|0x10",
	} {
		if got := s.String(); got != want {
			t.Errorf("status %#x is written %q, want %q", uint8(s), got, want)
		}
	}
}

// drive takes a fresh handshake through writes of the status.
func drive(t *testing.T, features uint64, writes ...Status) *Handshake {
	t.Helper()
	h := NewHandshake(FeatureVersion1 | 1<<3)
	for _, w := range writes {
		if w == agreed {
			for sel := range uint32(2) {
				if err := h.WriteDriverFeatures(sel, uint32(features>>(32*sel))); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := h.WriteStatus(w); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// Every write from every state, against rules put another way than the table.
func TestOnlyTheStepsOfInitializationAreTaken(t *testing.T) {
	paths := [][]Status{nil, {acknowledged}, {acknowledged, driven}, {acknowledged, driven, agreed}, {driven, agreed, working}}
	for _, path := range paths {
		for _, extra := range []Status{0, StatusFailed, StatusNeedsReset, StatusFailed | StatusNeedsReset} {
			for v := range 256 {
				h := drive(t, FeatureVersion1, path...)
				if extra&StatusFailed != 0 {
					if _, err := h.WriteStatus(h.Status() | StatusFailed); err != nil {
						t.Fatal(err)
					}
				}
				if extra&StatusNeedsReset != 0 {
					h.NeedsReset()
				}
				if h.Status() == driven {
					_ = h.WriteDriverFeatures(1, 1)
				}
				before := h.Status()
				step, err := h.WriteStatus(Status(v))
				wantStep, wantStatus, wantErr := expected(before, Status(v))
				if step != wantStep || h.Status() != wantStatus || (err != nil) != wantErr {
					t.Errorf("write of %v at %v: step %d, status %v, error %v; want step %d, status %v, error %v",
						Status(v), before, step, h.Status(), err, wantStep, wantStatus, wantErr)
				}
			}
		}
	}
}

func expected(now, v Status) (Step, Status, bool) {
	const needs = StatusNeedsReset
	set := v &^ now &^ needs     // bits that go up
	cleared := now &^ v &^ needs // bits that go down
	switch {
	case v&^needs == 0:
		return StepReset, 0, false
	case cleared != 0 || set&(1<<4|1<<5) != 0:
		return StepNone, now, true
	case set == 0:
		return StepNone, now, false
	case set == StatusFailed:
		return StepNone, now | StatusFailed, false
	case now&(StatusFailed|needs) != 0 || set&StatusFailed != 0:
		return StepNone, now, true
	case set == StatusAcknowledge, set == StatusAcknowledge|StatusDriver, set == StatusDriver && now == StatusAcknowledge:
		return StepNone, now | set, false
	case set == StatusFeaturesOK && now == 3:
		return StepFeatures, now | set, false
	case set == StatusDriverOK && now == 11:
		return StepStart, now | set, false
	}
	return StepNone, now, true
}

func TestFeaturesThatWereNotOfferedDoNotStick(t *testing.T) {
	for _, test := range []struct {
		name     string
		features uint64
		beyond   bool
		want     string // in the error
	}{
		{"VERSION_1 alone", FeatureVersion1, false, ""},
		{"all that is offered", FeatureVersion1 | 1<<3, false, ""},
		{"one that is not", FeatureVersion1 | 1<<4, false, "feature 4"},
		{"a high one that is not", FeatureVersion1 | 1<<63, false, "feature 63"},
		{"nothing", 0, false, "VERSION_1"},
		{"no VERSION_1", 1 << 3, false, "VERSION_1"},
		{"one past the 64", FeatureVersion1, true, "from 64 on"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := drive(t, 0, acknowledged, driven)
			for sel := range uint32(2) {
				if err := h.WriteDriverFeatures(sel, uint32(test.features>>(32*sel))); err != nil {
					t.Fatal(err)
				}
				if got := h.DriverFeatures(sel); got != uint32(test.features>>(32*sel)) {
					t.Errorf("driver features %d read as %#x", sel, got)
				}
			}
			if test.beyond {
				if err := h.WriteDriverFeatures(2, 1); err != nil {
					t.Fatal(err)
				}
			}
			step, err := h.WriteStatus(agreed)
			if test.want == "" {
				if err != nil || step != StepFeatures || h.Features() != test.features {
					t.Errorf("step %d, error %v, features %#x", step, err, h.Features())
				}
				if err := h.WriteDriverFeatures(0, 0); err == nil {
					t.Error("features were written after FEATURES_OK")
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || h.Status() != driven || h.Features() != 0 {
				t.Errorf("error %v, status %v, features %#x; want an error with %q", err, h.Status(), h.Features(), test.want)
			}
			// The driver may think again.
			_ = h.WriteDriverFeatures(0, 0)
			_ = h.WriteDriverFeatures(1, 1)
			if step, err := h.WriteStatus(agreed); !test.beyond && (err != nil || step != StepFeatures) {
				t.Errorf("second try: step %d, error %v", step, err)
			}
		})
	}
}

func TestOfferedFeaturesAreReadInWords(t *testing.T) {
	h := NewHandshake(FeatureVersion1 | 1<<3 | 1<<63)
	for sel, want := range []uint32{1 << 3, 1 | 1<<31, 0, 0} {
		if got := h.OfferedFeatures(uint32(sel)); got != want {
			t.Errorf("word %d is %#x, want %#x", sel, got, want)
		}
	}
	if got := h.OfferedFeatures(0xffffffff); got != 0 {
		t.Errorf("last word is %#x", got)
	}
}

func TestResetForgetsWhatTheDriverWrote(t *testing.T) {
	h := drive(t, FeatureVersion1|1<<3, driven, agreed, working)
	h.NeedsReset()
	if step, err := h.WriteStatus(0); step != StepReset || err != nil {
		t.Fatal(step, err)
	}
	if h.Status() != 0 || h.Features() != 0 || h.DriverFeatures(0) != 0 {
		t.Errorf("after reset: status %v, features %#x", h.Status(), h.Features())
	}
	if h.OfferedFeatures(0) != 1<<3 {
		t.Error("reset forgot the offered features")
	}
}

func TestTheDriverIsToldOnceThatTheDeviceNeedsAReset(t *testing.T) {
	h := drive(t, FeatureVersion1, driven, agreed)
	if h.NeedsReset() {
		t.Error("a driver that is not ready is to be notified")
	}
	h = drive(t, FeatureVersion1, driven, agreed, working)
	if !h.Working() {
		t.Error("not working after DRIVER_OK")
	}
	if !h.NeedsReset() || h.NeedsReset() {
		t.Error("want one notification")
	}
	if h.Working() {
		t.Error("working though it needs a reset")
	}
}

func TestAHandshakeGoesOnElsewhere(t *testing.T) {
	for _, path := range [][]Status{nil, {acknowledged}, {driven}, {driven, agreed}, {driven, agreed, working}} {
		h := drive(t, FeatureVersion1, path...)
		other := NewHandshake(FeatureVersion1)
		if err := other.Restore(h.State()); err != nil {
			t.Fatal(err)
		}
		if other.State() != h.State() {
			t.Errorf("state is %+v, want %+v", other.State(), h.State())
		}
	}
	for name, s := range map[string]HandshakeState{
		"a status with a gap":          {Status: StatusDriver},
		"an unknown bit":               {Status: 1 << 5},
		"features before DRIVER":       {Status: acknowledged, Driver: 1},
		"features that nobody offers":  {Status: working, Driver: FeatureVersion1 | 1<<7},
		"features beyond all":          {Status: working, Driver: FeatureVersion1, Beyond: true},
		"no VERSION_1":                 {Status: agreed},
		"DRIVER_OK and no FEATURES_OK": {Status: driven | StatusDriverOK, Driver: FeatureVersion1},
	} {
		h := NewHandshake(FeatureVersion1)
		if err := h.Restore(s); err == nil || h.State() != (HandshakeState{}) {
			t.Errorf("%s: error %v, state %+v", name, err, h.State())
		}
	}
}

func TestRingOptionsFollowFeatures(t *testing.T) {
	if o := RingOptions(0); o.Packed || o.EventIndex || o.Indirect || o.InOrder {
		t.Errorf("no features: %+v", o)
	}
	if o := RingOptions(RingFeatures); !o.Packed || !o.EventIndex || !o.Indirect || !o.InOrder {
		t.Errorf("all features: %+v", o)
	}
}
