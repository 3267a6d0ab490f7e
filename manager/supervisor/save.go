package supervisor

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// saving is a machine that is being written down. Its steps are made by goroutines of
// their own, one after the other: they may take minutes, and the instance has to be
// killed meanwhile if somebody wants that.
type saving struct {
	asked  *asked
	step   saveStep
	ran    bool               // the guest did, and is to go on
	since  time.Time          // the guest is held
	wanted context.Context    // ends when nobody wants the snapshot any more
	all    context.Context    // ends with the save
	cancel context.CancelFunc // ends all
	done   chan written       // capacity 1: what came of the step
	out    written            // what came of the save so far
}

// saveStep is what is being done.
type saveStep int

const (
	stepPrepare saveStep = iota // the guest runs
	stepWrite                   // it is held
	stepFinish                  // it runs again
)

// written is what came of it.
type written struct {
	saved *Saved
	err   error
}

// written gives the end of a step; of no save it gives nothing, ever.
func (w *saving) written() <-chan written {
	if w == nil {
		return nil
	}
	return w.done
}

// begin begins a step.
func (w *saving) begin(step saveStep, do func() (*Saved, error)) {
	w.step = step
	go func() {
		saved, err := do()
		w.done <- written{saved, err}
	}()
}

// whileSaving are the requests that are done while a machine is written down.
var whileSaving = []Op{OpInspect, OpStop, OpKill, OpWait}

// save begins to write the machine down. The state does not say that the guest is
// held: it is not for the user to let go.
func (s *supervisor) save(ctx context.Context, r *run, a *asked) {
	switch {
	case a.Save == nil || !filepath.IsAbs(a.Save.Dir):
		a.fail(&instance.Error{Kind: instance.KindInvalid, Err: errors.New("save: no folder to write into")})
		return
	case s.state.Status == instance.Stopping:
		a.fail(errStopping())
		return
	}
	w := &saving{asked: a, ran: s.state.Status == instance.Running, done: make(chan written, 1)}
	w.all, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	wanted, giveUp := context.WithCancel(w.all)
	w.wanted = wanted
	go func() {
		defer giveUp()
		select {
		case <-a.gone:
		case <-w.all.Done():
		}
	}()
	r.saving = w
	if !w.ran {
		s.write(r)
		return
	}
	w.begin(stepPrepare, func() (*Saved, error) { return nil, r.machine.PrepareSave(wanted, *a.Save) })
}

func errStopping() error { return wrongState("it is being stopped") }

// saved goes on to the next step.
func (s *supervisor) saved(ctx context.Context, r *run, out written) {
	w := r.saving
	switch w.step {
	case stepPrepare:
		if w.out = out; w.out.err == nil {
			w.out.err = s.hold(ctx, r)
		}
		if w.out.err == nil {
			s.write(r)
			return
		}
	case stepWrite:
		w.out = out
		s.letGo(ctx, r)
	case stepFinish:
		w.out.err = errors.Join(w.out.err, out.err)
		w.cancel()
		r.saving = nil
		s.tell(w)
		return
	}
	well := w.out.err == nil
	w.begin(stepFinish, func() (*Saved, error) { return nil, r.machine.FinishSave(w.all, *w.asked.Save, well) })
}

// tell answers who has asked for a save that has ended.
func (s *supervisor) tell(w *saving) {
	if w.out.err != nil {
		w.asked.fail(w.out.err)
		return
	}
	state := s.state
	w.asked.reply <- &Reply{State: &state, Saved: w.out.saved}
}

// hold pauses the guest.
func (s *supervisor) hold(ctx context.Context, r *run) error {
	if s.state.Status != instance.Running {
		return errStopping()
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	r.saving.since = time.Now()
	if err := r.machine.Pause(ctx); err != nil {
		return errors.Join(err, r.machine.Resume(context.WithoutCancel(ctx)))
	}
	return nil
}

// write begins to write a machine that is paused.
func (s *supervisor) write(r *run) {
	w := r.saving
	w.begin(stepWrite, func() (*Saved, error) { return r.machine.Save(w.wanted, *w.asked.Save) })
}

// letGo lets the guest go on.
func (s *supervisor) letGo(ctx context.Context, r *run) {
	w := r.saving
	if !w.ran || w.out.err == nil && w.asked.Save.Hold {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	if err := r.machine.Resume(ctx); err != nil {
		// Its state says that it runs: unpause is to be able to help.
		r.unsure = true
		w.out.err = errors.Join(w.out.err, err)
	}
	if w.out.err == nil {
		w.out.saved.Held = time.Since(w.since)
	}
}

// abandonSave ends the writing of a machine that has ended itself.
func (s *supervisor) abandonSave(r *run) {
	if r.saving == nil {
		return
	}
	r.saving.cancel()
	<-r.saving.done
	r.saving.asked.fail(wrongState("it has ended before the snapshot was made"))
	r.saving = nil
}
