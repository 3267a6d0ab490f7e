package supervisor

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// did returns what the machine was told next.
func (m *fakeMachine) told(t *testing.T) string {
	t.Helper()
	select {
	case what := <-m.did:
		return what
	case <-time.After(20 * time.Second):
		t.Fatal("the machine was told nothing")
		return ""
	}
}

// mustTell wants the machine to be told just that.
func (m *fakeMachine) mustTell(t *testing.T, list ...string) {
	t.Helper()
	for _, want := range list {
		if got := m.told(t); got != want {
			t.Fatalf("the machine was told to %s, want %s", got, want)
		}
	}
}

// saveSoon asks for a save in the background.
func saveSoon(t *testing.T, w *world, s Save) (reply <-chan error, cancel func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan error, 1)
	go func() {
		r, err := w.client.Do(ctx, Request{Op: OpSave, Save: &s})
		if err == nil && (r.Saved == nil || r.Saved.TSCKHz != 1) {
			t.Errorf("reply %+v", r)
		}
		out <- err
	}()
	return out, cancel
}

// The guest is held while it is written down, and goes on; others wait for that.
func TestAMachineIsHeldWhileItIsSaved(t *testing.T) {
	for _, live := range []bool{false, true} {
		w, m := mustBegin(t, nil)
		reply, cancel := saveSoon(t, w, Save{Dir: "/d", Live: live})
		defer cancel()
		meanwhile := func() {
			for _, op := range []Op{OpPause, OpUnpause, OpSave, OpUpdate} {
				if _, err := w.do(Request{Op: op}); instance.KindOf(err) != instance.KindBusy {
					t.Errorf("%s meanwhile: %v", op, err)
				}
			}
			if r, err := w.do(Request{Op: OpInspect}); err != nil || r.State.Status != instance.Running {
				t.Errorf("inspect meanwhile: %+v, %v", r, err)
			}
		}
		m.mustTell(t, "run", "prepare")
		if live {
			meanwhile()
			close(m.prepared)
		}
		m.mustTell(t, "pause", "save /d")
		meanwhile()
		close(m.written)
		if err := <-reply; err != nil {
			t.Fatal(err)
		}
		m.mustTell(t, "resume", "finish true")
		m.finish(End{Reason: instance.PowerOff})
		if err := <-w.done; err != nil {
			t.Error(err)
		}
	}
}

// A guest that is paused is written at once, and stays so.
func TestAPausedMachineIsSaved(t *testing.T) {
	w, m := mustBegin(t, nil)
	if _, err := w.do(Request{Op: OpPause}); err != nil {
		t.Fatal(err)
	}
	reply, cancel := saveSoon(t, w, Save{Dir: "/d", Live: true})
	defer cancel()
	close(m.written)
	if err := <-reply; err != nil {
		t.Fatal(err)
	}
	m.mustTell(t, "run", "pause", "save /d", "finish true")
	m.finish(End{Reason: instance.PowerOff})
	if err := <-w.done; err != nil {
		t.Error(err)
	}
}

// Whoever asked for it and went away, or killed the machine, gets none; the guest
// goes on in the first case, and what was begun is undone.
func TestASaveThatComesToNothing(t *testing.T) {
	for name, test := range map[string]struct {
		save Save
		told []string
		then []string
	}{
		"while it runs":    {Save{Dir: "/d", Live: true}, []string{"run", "prepare"}, []string{"finish false"}},
		"while it is held": {Save{Dir: "/d", Hold: true}, []string{"run", "prepare", "pause", "save /d"}, []string{"resume", "finish false"}},
	} {
		t.Run("given up "+name, func(t *testing.T) {
			w, m := mustBegin(t, nil)
			_, cancel := saveSoon(t, w, test.save)
			m.mustTell(t, test.told...)
			cancel()
			m.mustTell(t, test.then...)
			m.finish(End{Reason: instance.PowerOff})
			if err := <-w.done; err != nil {
				t.Error(err)
			}
		})
		t.Run("killed "+name, func(t *testing.T) {
			w, m := mustBegin(t, nil)
			reply, cancel := saveSoon(t, w, test.save)
			defer cancel()
			m.mustTell(t, test.told...)
			if _, err := w.do(Request{Op: OpKill}); err != nil {
				t.Error(err)
			}
			if err := <-reply; err == nil || !strings.Contains(err.Error(), "it has ended before") {
				t.Errorf("the save: %v", err)
			}
			if err := <-w.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// What a step says is told, and undone.
func TestStepsThatFail(t *testing.T) {
	for step, then := range map[string][]string{
		"prepare":     {"prepare", "finish false"},
		"pause":       {"prepare", "pause", "resume", "finish false"},
		"save /d":     {"prepare", "pause", "save /d", "resume", "finish false"},
		"resume":      {"prepare", "pause", "save /d", "resume", "finish false"},
		"finish true": {"prepare", "pause", "save /d", "resume", "finish true"},
	} {
		t.Run(step, func(t *testing.T) {
			w, m := mustBegin(t, nil)
			m.mustTell(t, "run")
			m.mu.Lock()
			m.failing = map[string]error{step: errors.New("no way")}
			m.mu.Unlock()
			close(m.written)
			reply, cancel := saveSoon(t, w, Save{Dir: "/d"})
			defer cancel()
			if err := <-reply; err == nil || !strings.Contains(err.Error(), "no way") {
				t.Errorf("the save: %v", err)
			}
			m.mustTell(t, then...)
			m.finish(End{Reason: instance.PowerOff})
			if err := <-w.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// The guest of a machine that is being stopped is not held.
func TestAStopDuringASave(t *testing.T) {
	w, m := mustBegin(t, nil)
	m.deaf = true
	reply, cancel := saveSoon(t, w, Save{Dir: "/d", Live: true})
	defer cancel()
	m.mustTell(t, "run", "prepare")
	stopped := make(chan error, 1)
	go func() {
		_, err := w.do(Request{Op: OpStop})
		stopped <- err
	}()
	m.mustTell(t, "button")
	close(m.prepared)
	if err := <-reply; instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("the save: %v", err)
	}
	m.mustTell(t, "finish false")
	m.finish(End{Reason: instance.PowerOff})
	if err := errors.Join(<-stopped, <-w.done); err != nil {
		t.Error(err)
	}
}

func TestSavesThatAreRefused(t *testing.T) {
	w, m := mustBegin(t, nil)
	for _, s := range []*Save{nil, {Dir: "relative"}} {
		if _, err := w.do(Request{Op: OpSave, Save: s}); instance.KindOf(err) != instance.KindInvalid {
			t.Errorf("%+v: %v", s, err)
		}
	}
	m.finish(End{Reason: instance.PowerOff})
	if err := <-w.done; err != nil {
		t.Error(err)
	}
}
