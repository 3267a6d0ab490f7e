package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/migrate/handoff"
)

func session(n byte, f handoff.TargetFate) *Session {
	return &Session{
		TargetRecord: handoff.TargetRecord{Session: handoff.Session{n}, Fate: f},
		Instance:     id("a"), Peer: "there:1", Since: time.Unix(5, 0).UTC(), Reason: "so it is",
	}
}

func mustPutSession(t *testing.T, s *Store, r *Session) {
	t.Helper()
	if err := s.PutSession(r); err != nil {
		t.Fatal(err)
	}
}

func TestSessionsAreRemembered(t *testing.T) {
	s := open(t)
	if _, err := s.Session(handoff.Session{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one that never was: %v", err)
	}
	for _, f := range []handoff.TargetFate{handoff.Prepared, handoff.Running, handoff.Aborted} {
		want := session(1, f)
		mustPutSession(t, s, want)
		got, err := s.Session(want.Session)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", f, diff)
		}
	}
	for name, r := range map[string]*Session{
		"no session":  session(0, handoff.Running),
		"no fate":     session(2, 0),
		"no instance": {TargetRecord: handoff.TargetRecord{Session: handoff.Session{2}, Fate: handoff.Running}, Instance: "../a"},
	} {
		if err := s.PutSession(r); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if got := list(t, s.sessions()); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
}

func TestASessionThatCannotBeReadIsNone(t *testing.T) {
	s := open(t)
	mustPutSession(t, s, session(1, handoff.Running))
	path := s.sessionFile(handoff.Session{1})
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"a half":           string(good[:len(good)/2]),
		"another's":        strings.Replace(string(good), "01000", "02000", 1),
		"no fate":          strings.Replace(string(good), `"running"`, `"ran"`, 1),
		"another instance": strings.Replace(string(good), id("a"), "a", 1),
		"too much":         strings.Repeat(" ", maxFile+1),
	} {
		if text == string(good) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Session(handoff.Session{1}); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestOldSessionsAreForgotten(t *testing.T) {
	s := open(t)
	for n := byte(1); n <= 3; n++ {
		mustPutSession(t, s, session(n, handoff.Aborted))
	}
	stranger := filepath.Join(s.sessions(), "README")
	if err := os.WriteFile(stranger, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-keepSessions - time.Hour)
	young := time.Now().Add(-keepSessions + 24*time.Hour)
	for path, at := range map[string]time.Time{
		s.sessionFile(handoff.Session{1}): long, s.sessionFile(handoff.Session{2}): young, stranger: long,
	} {
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	mustPutSession(t, s, session(3, handoff.Running))
	if _, err := s.Session(handoff.Session{1}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an old one: %v", err)
	}
	for _, n := range []byte{2, 3} {
		if _, err := s.Session(handoff.Session{n}); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("what is no session: %v", err)
	}
}

func someMove() *instance.Migration {
	return &instance.Migration{Session: strings.Repeat("1", 32), Role: instance.Target, Peer: "there:1", Since: time.Unix(5, 0).UTC()}
}

func TestWhatArrivesIsClaimedFromTheBeginning(t *testing.T) {
	s := open(t)
	d := describe(id("a"), "one")
	claimed, err := s.CreateReceiving(d, someMove())
	if err != nil {
		t.Fatal(err)
	}
	if alive, err := s.Alive(d.ID); err != nil || !alive {
		t.Errorf("alive %v, %v", alive, err)
	}
	if _, err := s.Claim(d.ID); !errors.Is(err, ErrAlive) {
		t.Errorf("claimed twice: %v", err)
	}
	st, err := s.Current(d.ID)
	if err != nil || st.Status != instance.Receiving || *st.Migration != *someMove() {
		t.Errorf("%+v, %v", st, err)
	}
	if st, lost, err := s.Settle(d.ID); err != nil || lost || st.Status != instance.Receiving {
		t.Errorf("settled: %+v, %v, %v", st, lost, err)
	}
	if _, err := s.CreateReceiving(describe(id("a"), "two"), someMove()); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "hull rm") {
		t.Errorf("the same instance: %v", err)
	}
	if _, err := s.CreateReceiving(describe(id("b"), "one"), someMove()); !errors.Is(err, ErrNameTaken) {
		t.Errorf("a taken name: %v", err)
	}
	if s.Exists(id("b")) {
		t.Error("something is left of what had a taken name")
	}
	if err := claimed.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once as it is, once as it is written down
		st, err := s.Current(d.ID)
		if err != nil || !st.NeverArrived() || st.Exit.Reason != instance.Lost || !strings.Contains(st.Exit.Detail, "has not arrived") {
			t.Errorf("%+v, %v", st, err)
		}
		if _, _, err := s.Settle(d.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// A machine that was given away is not this host's by the end of its supervisor.
func TestWhatWasHandedOverIsLostAsSuch(t *testing.T) {
	s := open(t)
	create(t, s, id("a"), "one")
	gone := someMove()
	gone.Role = instance.Source
	for _, move := range []*instance.Migration{gone, nil} {
		if err := s.PutState(id("a"), &instance.State{Version: 1, Status: instance.HandedOver, Started: time.Unix(4, 0), Migration: move}); err != nil {
			t.Fatal(err)
		}
		current, err := s.Current(id("a"))
		if err != nil {
			t.Fatal(err)
		}
		st, lost, err := s.Settle(id("a"))
		if err != nil || !lost {
			t.Fatalf("settled: %v, %v", lost, err)
		}
		for _, st := range []*instance.State{current, st} {
			if st.Status != instance.Exited || st.Exit.Reason != instance.Lost || !strings.Contains(st.Exit.Detail, "was handed over to ") || st.Gone() != (move != nil) || st.NeverArrived() {
				t.Errorf("%+v", st)
			}
		}
		if _, lost, err := s.Settle(id("a")); err != nil || lost {
			t.Errorf("settled twice: %v, %v", lost, err)
		}
	}
}
