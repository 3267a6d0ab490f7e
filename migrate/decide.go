package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
)

// decide goes from the copying to the end, as the rules of package handoff have it.
func (p *sender) decide(ctx context.Context) (*Report, error) {
	p.side = handoff.NewSource(handoff.Session(p.session))
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	p.enter("copying")
	work := make(chan struct{})
	copying, stopCopying := context.WithCancel(working)
	defer stopCopying()
	go func() {
		defer close(work)
		p.copy(copying)
	}()
	go p.listen(p.link)
	hold := func() {
		<-work
		work = make(chan struct{})
		go func(done chan struct{}, link Link) {
			defer close(done)
			p.holdAndSend(copying, link)
		}(work, p.link)
	}
	retry := time.NewTicker(p.options.Patience.Retry)
	defer retry.Stop()
	cancelled := ctx.Done()
	for !p.finished() {
		var late <-chan time.Time
		if p.silence != nil {
			late = p.silence.C
		}
		select {
		case h := <-p.happened:
			p.take(h)
		case <-cancelled:
			cancelled = nil
			p.because(context.Cause(ctx))
			p.happen(handoff.Cancelled)
		case e := <-p.source.Resolved():
			p.word = e
			p.happen(e)
		case <-late:
			p.silence = nil
			p.because(fmt.Errorf("the target said nothing for too long"))
			p.happen(handoff.Timeout)
			p.repeat()
		case <-retry.C:
			if p.side.Unwritten() {
				p.happen(handoff.Retry)
			}
		}
		for len(p.pending) > 0 {
			e := p.pending[0]
			p.pending = p.pending[1:]
			for _, a := range p.side.Step(e) {
				if a.Do == handoff.HoldGuest {
					p.enter("holding")
					hold()
					continue
				}
				if a.Do == handoff.LetGuestGo {
					// What would hold the guest is not to come after this.
					stopCopying()
					p.drain(work)
				}
				p.do(working, a)
			}
		}
	}
	stopCopying()
	p.drain(work)
	return p.outcome(ctx)
}

// drain waits for what works on the move.
func (p *sender) drain(work <-chan struct{}) {
	for {
		select {
		case h := <-p.happened:
			h.discard()
		case <-work:
			return
		}
	}
}

// finished reports whether nothing is left to do or to wait for.
func (p *sender) finished() bool { return p.side.Settled() && len(p.pending) == 0 }

// happen has an event be looked at next.
func (p *sender) happen(e handoff.Event) { p.pending = append(p.pending, e) }

// because notes why the move comes to nothing; the first reason is the reason.
func (p *sender) because(err error) {
	if p.why == nil && err != nil {
		p.why = err
	}
}

// take looks at what a goroutine has told.
func (p *sender) take(h happening) {
	if h.fresh != nil {
		p.link = h.fresh
		go p.listen(p.link)
	} else if h.link != nil && h.link != p.link {
		return // of a connection that nobody uses any more
	}
	if h.note != nil {
		h.note(p)
	}
	if h.event == 0 {
		return
	}
	if h.event == handoff.GotFailed || h.event == handoff.GotAnswerAborted {
		p.why = nil // it is the target that knows
	}
	p.because(h.err)
	now := time.Now()
	switch h.event {
	case handoff.StateSent:
		p.report.add(h.held.pass)
		p.report.Pause, p.report.LastPass, p.report.State = h.held.pause, h.held.last, h.held.state
		p.marks.sent = h.held.at
		p.enter("prepared")
		p.waitFor(p.options.Patience.Prepare)
	case handoff.GotPrepared:
		p.report.Load, p.marks.prepared = now.Sub(p.marks.sent), now
		p.silence = nil
	case handoff.GotRunning, handoff.GotAnswerRunning:
		p.report.Resume = now.Sub(p.marks.prepared)
		p.silence = nil
	case handoff.LinkLost, handoff.GotAnswerAborted, handoff.GotFailed:
		p.silence = nil
	}
	p.happen(h.event)
	if h.event == handoff.LinkLost {
		p.repeat()
	}
}

// repeat has a user's word be heard again, which does not count while the target is
// being asked.
func (p *sender) repeat() {
	if p.word != 0 {
		p.happen(p.word)
	}
}

// waitFor has silence be noticed.
func (p *sender) waitFor(d time.Duration) { p.silence = time.NewTimer(d) }

// outcome is what Send returns.
func (p *sender) outcome(ctx context.Context) (*Report, error) {
	if p.side.State() != handoff.SourceMoved {
		err := p.why
		if err == nil {
			err = errors.New("the target gave up")
		}
		return nil, p.explain(context.WithoutCancel(ctx), err)
	}
	p.report.Unheard = p.operator
	if !p.operator {
		p.enter("running")
		p.report.Unlogged = p.sendLog(context.WithoutCancel(ctx))
	}
	p.report.Total = time.Since(p.began)
	return &p.report, nil
}
