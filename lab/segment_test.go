package lab

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// station is a host without an emulator: its frames are the test's.
type station struct {
	*segment
	t    *testing.T
	wire *net.UnixConn
}

func newStation(t *testing.T, state, name, network string, number int) *station {
	t.Helper()
	dir := filepath.Join(state, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	spec := testSpec()
	spec.Name, spec.Network, spec.Number = name, network, number
	if err := writeJSON(dir, specFile, spec); err != nil {
		t.Fatal(err)
	}
	s, f, err := newSegment(dir, network, number)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	st := &station{s, t, c.(*net.UnixConn)}
	t.Cleanup(st.end)
	return st
}

func (s *station) end() {
	s.close()
	s.wire.Close()
}

// frame is one for a host, or for all, with some text.
func frame(to byte, text string) []byte {
	f := append(macPrefix[:len(macPrefix):len(macPrefix)], to, 2, 0, 0, 0, 0, 9, 8, 0)
	if to == 0xff {
		copy(f, bytes.Repeat([]byte{0xff}, 6))
	}
	return append(f, text...)
}

func (s *station) say(f []byte) {
	s.t.Helper()
	if _, err := s.wire.Write(f); err != nil {
		s.t.Fatal(err)
	}
}

// hears waits for a frame, which the other says again until then: segments lose frames.
func (s *station) hears(want []byte, from *station) {
	s.t.Helper()
	got := make([]byte, maxFrame)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		from.say(want)
		_ = s.wire.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // a socket has deadlines
		if n, err := s.wire.Read(got); err == nil && bytes.Equal(got[:n], want) {
			return
		}
	}
	s.t.Fatalf("no frame %q within a minute", want)
}

// heard is all that has come.
func (s *station) heard() (all [][]byte) {
	b := make([]byte, maxFrame)
	for {
		_ = s.wire.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // a socket has deadlines
		n, err := s.wire.Read(b)
		if err != nil {
			return all
		}
		all = append(all, bytes.Clone(b[:n]))
	}
}

func TestASegmentCarriesFrames(t *testing.T) {
	state := t.TempDir()
	a, b, c := newStation(t, state, "a", "x", 1), newStation(t, state, "b", "x", 2), newStation(t, state, "c", "x", 3)
	stranger := newStation(t, state, "d", "y", 2)
	b.hears(frame(0xff, "to all"), a)
	c.hears(frame(0xff, "to all"), a)
	a.hears(frame(0xff, "from b"), b)
	c.heard()
	b.hears(frame(2, "to b alone"), a)
	b.hears(frame(2, string(make([]byte, 60<<10))), a) // as large as any
	for _, f := range c.heard() {
		if bytes.Contains(f, []byte("alone")) {
			t.Errorf("c hears %q", f)
		}
	}
	guest := frame(0xff, "to a guest")
	copy(guest, []byte{0x52, 0x54, 0, 0x12, 0x34, 0x56})
	b.hears(guest, a) // nobody knows whose it is
	c.hears(guest, a)
	if all := stranger.heard(); len(all) > 0 {
		t.Errorf("the host of another network hears %q", all)
	}
}

func TestAHostThatComesAgainHearsAgain(t *testing.T) {
	state := t.TempDir()
	a, b := newStation(t, state, "a", "x", 1), newStation(t, state, "b", "x", 2)
	b.hears(frame(2, "first"), a)
	b.end()
	if err := os.RemoveAll(filepath.Join(state, "b")); err != nil {
		t.Fatal(err)
	}
	a.say(frame(2, "to nobody"))
	b = newStation(t, state, "b", "x", 2)
	b.hears(frame(2, "second"), a)
	a.hears(frame(1, "back"), b)
}

// A host that does not take its frames costs others nothing.
func TestAHostThatStandsStillHoldsNobodyUp(t *testing.T) {
	state := t.TempDir()
	a, b, c := newStation(t, state, "a", "x", 1), newStation(t, state, "b", "x", 2), newStation(t, state, "c", "x", 3)
	b.hears(frame(0xff, "to all"), a)
	c.hears(frame(0xff, "to all"), a)
	c.heard()
	for range 4 * peerQueue {
		a.say(frame(2, string(make([]byte, 1000)))) // b reads none
	}
	c.hears(frame(3, "still here"), a)
	a.end() // ends, whoever waits
}

func TestShortAndLongFramesAreDropped(t *testing.T) {
	state := t.TempDir()
	a, b := newStation(t, state, "a", "x", 1), newStation(t, state, "b", "x", 2)
	b.hears(frame(2, "first"), a)
	b.heard()
	a.say([]byte("short"))
	a.say(frame(2, string(make([]byte, maxFrame))))
	b.hears(frame(2, "last"), a)
	for _, f := range b.heard() {
		if !bytes.Equal(f, frame(2, "last")) {
			t.Errorf("%d bytes of a frame that is none", len(f))
		}
	}
}
