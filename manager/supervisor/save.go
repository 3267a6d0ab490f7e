package supervisor

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// saving is a machine that is being written down, by a goroutine of its own: it may
// take minutes, and the instance has to be killed meanwhile if somebody wants that.
type saving struct {
	asked  *asked
	resume bool // the guest ran before
	since  time.Time
	cancel context.CancelFunc
	done   chan written // capacity 1
}

// written is what came of it.
type written struct {
	saved *Saved
	err   error
}

// written gives the end of a save; of none it gives nothing, ever.
func (w *saving) written() <-chan written {
	if w == nil {
		return nil
	}
	return w.done
}

// whileSaving are the requests that are done while a machine is written down.
var whileSaving = []Op{OpInspect, OpStop, OpKill, OpWait}

// save holds the guest and begins to write it down. The state does not say that it
// is held: it is not for the user to let go.
func (s *supervisor) save(ctx context.Context, r *run, a *asked) {
	switch {
	case a.Save == nil || !filepath.IsAbs(a.Save.Dir):
		a.fail(&instance.Error{Kind: instance.KindInvalid, Err: errors.New("save: no folder to write into")})
		return
	case s.state.Status == instance.Stopping:
		a.fail(wrongState("it is being stopped"))
		return
	}
	w := &saving{asked: a, resume: s.state.Status == instance.Running, since: time.Now(), done: make(chan written, 1)}
	if w.resume {
		if err := r.machine.Pause(ctx); err != nil {
			a.fail(errors.Join(err, r.machine.Resume(context.WithoutCancel(ctx))))
			return
		}
	}
	var saveCtx context.Context
	saveCtx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		select {
		case <-a.gone: // nobody wants the snapshot any more
			w.cancel()
		case <-saveCtx.Done():
		}
	}()
	go func() {
		saved, err := r.machine.Save(saveCtx, a.Save.Dir)
		w.done <- written{saved, err}
	}()
	r.saving = w
}

// saved lets the guest go on, and answers.
func (s *supervisor) saved(ctx context.Context, r *run, out written) {
	w := r.saving
	r.saving = nil
	w.cancel()
	if w.resume && (out.err != nil || !w.asked.Save.Hold) {
		ctx, cancel := context.WithTimeout(ctx, monitorTime)
		defer cancel()
		if err := r.machine.Resume(ctx); err != nil {
			// Its state says that it runs: unpause is to be able to help.
			r.unsure = true
			out.err = errors.Join(out.err, err)
		}
		if out.err == nil {
			out.saved.Held = time.Since(w.since)
		}
	}
	if out.err != nil {
		w.asked.fail(out.err)
		return
	}
	state := s.state
	w.asked.reply <- &Reply{State: &state, Saved: out.saved}
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
