package migration

import (
	"testing"
	"time"
)

// TestAGuestThatStays runs a guest on one of the two hosts, and holds it to what moves are
// held to: what the other tests find wrong is then a move's doing.
func TestAGuestThatStays(t *testing.T) {
	w := newHosts(t)
	for _, s := range w.sides {
		m := w.boot(s)
		if at := m.runner(); at != s {
			t.Fatalf("it runs on %s", at.name)
		}
		before := m.Do("spin on")
		p := w.ping()
		time.Sleep(time.Second)
		back, away := p.End()
		stood := time.Duration(m.Do("spin off").Gap)
		t.Logf("side %s: %d datagrams came back, the longest time without one was %v, without a beat %v; the guest stood still for %v", s.name, back, away, m.beats.longest(), stood)
		if back == 0 || stood == 0 {
			t.Errorf("%d datagrams came back, and the guest stood still for %v", back, stood)
		}
		m.isItself(before)
		m.end()
	}
}
