package manager

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

var someSession = handoff.Session{1, 2, 3}

// arriving is an instance of which a session has been written down, and its supervisor's
// claim.
func arriving(t *testing.T, m *Manager, fate handoff.TargetFate) (*instance.Description, *os.File) {
	t.Helper()
	machine := testMachine(t, "")
	d, err := m.Create(t.Context(), CreateOptions{Machine: machine, Name: "made"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.store.Remove(d.ID); err != nil {
		t.Fatal(err)
	}
	d.Name = "box"
	claim, err := m.store.CreateReceiving(d, &instance.Migration{Session: someSession.String(), Role: instance.Target, Peer: "there:1", Since: time.Unix(7, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = claim.Close() })
	putFate(t, m, d, fate)
	return d, claim
}

func putFate(t *testing.T, m *Manager, d *instance.Description, fate handoff.TargetFate) {
	t.Helper()
	if err := m.store.PutSession(&store.Session{
		TargetRecord: handoff.TargetRecord{Session: someSession, Fate: fate}, Instance: d.ID, Peer: "there:1", Since: time.Unix(8, 0).UTC(), Reason: "because",
	}); err != nil {
		t.Fatal(err)
	}
}

// setState changes what is written of an instance.
func setState(t *testing.T, m *Manager, id string, change func(*instance.State)) {
	t.Helper()
	st, err := m.store.State(id)
	if err != nil {
		t.Fatal(err)
	}
	change(st)
	if err := m.store.PutState(id, st); err != nil {
		t.Fatal(err)
	}
}

func runs(st *instance.State) { st.Status, st.Started = instance.Running, time.Unix(9, 0) }

func wantAnswer(t *testing.T, m *Manager, want wire.Outcome) wire.Answer {
	t.Helper()
	a := NewRecords(m).Answer(t.Context(), wire.Session(someSession))
	if a.Outcome != want || a.Session != wire.Session(someSession) {
		t.Errorf("answered %+v, want %v", a, want)
	}
	return a
}

func wantFate(t *testing.T, m *Manager, want handoff.TargetFate) {
	t.Helper()
	s, err := m.store.Session(someSession)
	if err != nil || s.Fate != want {
		t.Errorf("written is %+v, %v, want %v", s, err, want)
	}
}

func TestWhatIsAnsweredForASession(t *testing.T) {
	m := testManager(t)
	wantAnswer(t, m, wire.OutcomeUnknown)

	// While its supervisor lives, that decides.
	d, claim := arriving(t, m, handoff.Prepared)
	wantAnswer(t, m, wire.OutcomePrepared)
	wantFate(t, m, handoff.Prepared)
	setState(t, m, d.ID, runs)
	if a := wantAnswer(t, m, wire.OutcomeRunning); a.Since != time.Unix(7, 0).UnixNano() {
		t.Errorf("since %d", a.Since)
	}

	// What is written of its fate counts, whatever becomes of the instance.
	putFate(t, m, d, handoff.Running)
	wantAnswer(t, m, wire.OutcomeRunning)
	putFate(t, m, d, handoff.Aborted)
	if a := wantAnswer(t, m, wire.OutcomeAborted); a.Reason != "because" {
		t.Errorf("reason %q", a.Reason)
	}

	// When it is dead, the state decides, and that is written down.
	putFate(t, m, d, handoff.Prepared)
	_ = claim.Close()
	wantAnswer(t, m, wire.OutcomeRunning)
	wantFate(t, m, handoff.Running)

	// What cannot be read proves nothing.
	putFate(t, m, d, handoff.Prepared)
	if err := os.WriteFile(filepath.Join(m.store.Dir(d.ID), "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, m, wire.OutcomeUnknown)
	wantFate(t, m, handoff.Prepared)
	if err := os.WriteFile(filepath.Join(m.dirs.State, "sessions", someSession.String()+".json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, m, wire.OutcomeUnknown)
}

func TestAMachineThatNeverRanIsAborted(t *testing.T) {
	for name, test := range map[string]func(*testing.T, *Manager, string){
		"its supervisor died": func(*testing.T, *Manager, string) {},
		"its instance is gone": func(t *testing.T, m *Manager, id string) {
			if err := m.store.Remove(id); err != nil {
				t.Fatal(err)
			}
		},
		"it was settled": func(t *testing.T, m *Manager, id string) {
			if _, _, err := m.store.Settle(id); err != nil {
				t.Fatal(err)
			}
		},
		"it came in another session": func(t *testing.T, m *Manager, id string) {
			setState(t, m, id, func(st *instance.State) { runs(st); st.Migration.Session = strings.Repeat("9", 32) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := testManager(t)
			d, claim := arriving(t, m, handoff.Prepared)
			_ = claim.Close()
			test(t, m, d.ID)
			if a := wantAnswer(t, m, wire.OutcomeAborted); a.Reason == "" {
				t.Error("no reason")
			}
			wantFate(t, m, handoff.Aborted)
		})
	}
}

// What ran here ran here, also when nothing is left of it, or when it has moved on.
func TestAnArrivalIsRememberedWhenItsStateIsGone(t *testing.T) {
	for name, forget := range map[string]func(*Manager, string) error{
		"removed": func(m *Manager, id string) error { return m.Remove(t.Context(), id, RemoveOptions{}) },
		"started": func(m *Manager, id string) error {
			if err := m.Start(t.Context(), id); err == nil { // there is no supervisor to start
				return errors.New("it was started")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := testManager(t)
			d, claim := arriving(t, m, handoff.Prepared)
			setState(t, m, d.ID, runs)
			_ = claim.Close()
			if err := forget(m, d.ID); err != nil {
				t.Fatal(err)
			}
			wantFate(t, m, handoff.Running)
			if a := wantAnswer(t, m, wire.OutcomeRunning); a.Since != time.Unix(7, 0).UnixNano() {
				t.Errorf("since %d", a.Since)
			}
		})
	}
	m := testManager(t)
	d, _ := arriving(t, m, handoff.Aborted)
	st, err := m.store.State(d.ID)
	if err != nil {
		t.Fatal(err)
	}
	runs(st)
	for _, session := range []string{"nonsense", strings.Repeat("9", 32), someSession.String()} {
		st.Migration.Session = session
		if err := m.noteArrival(st); err != nil {
			t.Errorf("%s: %v", session, err)
		}
	}
	wantFate(t, m, handoff.Aborted) // what was decided stays
}

func TestWhatNeverArrivedIsForgotten(t *testing.T) {
	m := testManager(t)
	d, claim := arriving(t, m, handoff.Prepared)
	_ = claim.Close()
	if err := m.Start(t.Context(), d.ID); instance.KindOf(err) != instance.KindNotFound || !strings.Contains(err.Error(), "did not") {
		t.Errorf("started: %v", err)
	}
	if m.store.Exists(d.ID) {
		t.Error("it is still there")
	}
	for _, action := range actions(t, m) {
		if action == "die box" || action == "destroy box" {
			t.Errorf("the journal has %q of what never was", action)
		}
	}
	wantAnswer(t, m, wire.OutcomeAborted)
	mustCreate(t, m, "box", nil) // its name is free
}

// handedOver is an instance that another host may have, and whose supervisor is gone.
func handedOver(t *testing.T, m *Manager) *instance.Description {
	t.Helper()
	d := mustCreate(t, m, "box", nil)
	setState(t, m, d.ID, func(st *instance.State) {
		st.Status, st.Started = instance.HandedOver, time.Unix(9, 0)
		st.Migration = &instance.Migration{Session: someSession.String(), Role: instance.Source, Peer: "there:1", Since: time.Unix(10, 0)}
	})
	return d
}

func TestWhatIsGoneIsNotStarted(t *testing.T) {
	m := testManager(t)
	d := handedOver(t, m)
	err := m.Start(t.Context(), "box")
	if instance.KindOf(err) != instance.KindWrongState || !strings.Contains(err.Error(), "hull migrate --resolve source box") || !strings.Contains(err.Error(), "there:1") {
		t.Errorf("started: %v", err)
	}
	if err := m.Restart(t.Context(), "box", StopOptions{}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("restarted: %v", err)
	}
	if list, err := m.Recover(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("recovered %v, %v", list, err)
	}
	st, err := m.store.State(d.ID)
	if err != nil || st.Status != instance.Exited || st.Exit.Reason != instance.Lost || !st.Gone() {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestTheDoubtAboutADeadOneIsResolved(t *testing.T) {
	m := testManager(t)
	mustCreate(t, m, "other", nil)
	if err := m.ResolveMigration(t.Context(), "other", SideSource); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("no doubt: %v", err)
	}
	if err := m.ResolveMigration(t.Context(), "none", SideSource); instance.KindOf(err) != instance.KindNotFound {
		t.Errorf("none: %v", err)
	}
	d := handedOver(t, m)
	if err := m.ResolveMigration(t.Context(), "box", "both"); instance.KindOf(err) != instance.KindInvalid {
		t.Errorf("both: %v", err)
	}
	if err := m.ResolveMigration(t.Context(), "box", SideSource); err != nil {
		t.Fatal(err)
	}
	st, err := m.store.State(d.ID)
	if err != nil || st.Gone() || st.Status != instance.Exited {
		t.Errorf("%+v, %v", st, err)
	}
	if err := m.ResolveMigration(t.Context(), "box", SideTarget); instance.KindOf(err) != instance.KindWrongState || !m.store.Exists(d.ID) {
		t.Errorf("resolved twice: %v", err)
	}
	if err := m.Remove(t.Context(), "box", RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	d = handedOver(t, m)
	if err := m.ResolveMigration(t.Context(), "box", SideTarget); err != nil {
		t.Fatal(err)
	}
	if _, err := m.store.State(d.ID); !errors.Is(err, store.ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}
