package guestload

import (
	"testing"
	"time"
)

func TestABeatIsReadAsItWasSent(t *testing.T) {
	want := Beat{Nonce: [nonceSize]byte{1, 2, 3}, Number: 1 << 40, Monotonic: int64(time.Hour)}
	got, err := ParseBeat(want.encode())
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if _, err := ParseBeat(want.encode()[1:]); err == nil {
		t.Error("a short one: no error")
	}
}

func TestASpinnerSeesThatItStoodStill(t *testing.T) {
	l := new(load)
	l.spin(true)
	for l.gap.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	l.spin(false)
	before := l.spins.Load()
	l.spin(true) // begins anew
	if l.spins.Load() != before+1 {
		t.Error("the old spinner goes on")
	}
	l.spin(false)
}
