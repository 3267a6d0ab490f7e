package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// do does one of the things that the rules want.
func (r *receiver) do(ctx context.Context, a handoff.TargetAction) {
	switch a.Do {
	case handoff.WriteRecord:
		r.happen(r.target.Write(ctx, a.Record))
	case handoff.RunGuest:
		event, err := r.target.Run(ctx)
		r.because(err)
		r.since = time.Now()
		r.happen(event)
	case handoff.RemoveMachine:
		r.target.Remove(ctx)
	case handoff.SendPrepared:
		r.say(wire.Prepared{Session: r.Session})
	case handoff.SendRunning:
		r.say(wire.Running{Session: r.Session, Since: r.since.UnixNano()})
	case handoff.SendFailed:
		r.say(wire.Failed{Session: r.Session, Reason: r.reason()})
	case handoff.SendAnswer:
		r.say(r.answer(a.Answer))
	case handoff.Report:
		r.notice(a.Notice)
	}
}

func (r *receiver) reason() string {
	if r.why == nil {
		return "the move was given up"
	}
	return r.why.Error()
}

func (r *receiver) answer(a handoff.Answer) wire.Answer {
	m := wire.Answer{Session: r.Session, Outcome: wire.Outcome(a.String())}
	switch a {
	case handoff.AnswerRunning:
		m.Since = r.since.UnixNano()
	case handoff.AnswerAborted:
		m.Reason = r.reason()
	}
	return m
}

// say sends a message if there is somebody to hear it.
func (r *receiver) say(m wire.Message) {
	if r.link != nil {
		_ = r.link.Write(m) // what fails shows as the end of the connection
	}
}

func (r *receiver) notice(n handoff.Notice) {
	switch n {
	case handoff.NoticeRunning:
		r.because(nil)
		r.waitForSource() // for its log
	case handoff.NoticeStartFailed:
		r.target.Note(errors.Join(errors.New("it has arrived, and failed as it was started"), r.why).Error())
		r.waitForSource()
	case handoff.NoticeUnwritten:
		r.target.Note("what became of its move cannot be written down; it is tried again")
	}
}
