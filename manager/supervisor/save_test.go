package supervisor

import (
	"context"
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

// saveSoon asks for a save in the background, and returns when it is being written.
func saveSoon(t *testing.T, w *world, m *fakeMachine, hold bool) (reply <-chan error, cancel func()) {
	t.Helper()
	if got := m.told(t); got != "run" {
		t.Fatalf("the machine was told to %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan error, 1)
	go func() {
		r, err := w.client.Do(ctx, Request{Op: OpSave, Save: &Save{Dir: "/d", Hold: hold}})
		if err == nil && (r.Saved == nil || r.Saved.TSCKHz != 1) {
			t.Errorf("reply %+v", r)
		}
		out <- err
	}()
	for _, want := range []string{"pause", "save /d"} {
		if got := m.told(t); got != want {
			t.Fatalf("the machine was told to %s, want %s", got, want)
		}
	}
	return out, cancel
}

// The guest is held while it is written down, and goes on; others wait for that.
func TestAMachineIsHeldWhileItIsSaved(t *testing.T) {
	w, m := mustBegin(t, nil)
	reply, cancel := saveSoon(t, w, m, false)
	defer cancel()
	for _, op := range []Op{OpPause, OpUnpause, OpSave, OpUpdate} {
		if _, err := w.do(Request{Op: op}); instance.KindOf(err) != instance.KindBusy {
			t.Errorf("%s meanwhile: %v", op, err)
		}
	}
	if r, err := w.do(Request{Op: OpInspect}); err != nil || r.State.Status != instance.Running {
		t.Errorf("inspect meanwhile: %+v, %v", r, err)
	}
	close(m.written)
	if err := <-reply; err != nil {
		t.Fatal(err)
	}
	if got := m.told(t); got != "resume" {
		t.Errorf("afterwards the machine was told to %s", got)
	}
	m.finish(End{Reason: instance.PowerOff})
	if err := <-w.done; err != nil {
		t.Error(err)
	}
}

// Whoever asked for it and went away, or killed the machine, gets none; the guest
// goes on in the first case.
func TestASaveThatComesToNothing(t *testing.T) {
	t.Run("given up", func(t *testing.T) {
		w, m := mustBegin(t, nil)
		_, cancel := saveSoon(t, w, m, true)
		cancel()
		if got := m.told(t); got != "resume" {
			t.Errorf("the machine was told to %s", got)
		}
		m.finish(End{Reason: instance.PowerOff})
		if err := <-w.done; err != nil {
			t.Error(err)
		}
	})
	t.Run("killed", func(t *testing.T) {
		w, m := mustBegin(t, nil)
		reply, cancel := saveSoon(t, w, m, false)
		defer cancel()
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
