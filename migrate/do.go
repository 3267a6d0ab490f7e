package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// do does one of the things that the rules want.
func (p *sender) do(ctx context.Context, a handoff.SourceAction) {
	session := p.session
	switch a.Do {
	case handoff.WriteRecord:
		p.operator = a.Record.Operator
		p.happen(p.source.Write(ctx, a.Record))
	case handoff.LetGuestGo:
		if err := p.source.LetGo(ctx); err != nil {
			p.why = errors.Join(p.why, err)
			p.source.Note(err.Error())
		}
	case handoff.SendCommit:
		p.say(wire.Commit{Session: session})
		p.waitFor(p.options.Patience.Answer)
	case handoff.SendAsk:
		p.say(wire.Ask{Session: session})
		p.waitFor(p.options.Patience.Answer)
	case handoff.SendCancel:
		p.say(wire.Cancel{})
	case handoff.Reconnect:
		p.reconnect(ctx)
	case handoff.Report:
		p.notice(a.Notice)
	case handoff.EndMachine:
		// Whoever gets the report throws it away: the log is still to be sent.
	}
}

// notices are what users are told, by what happened.
var notices = map[handoff.Notice]string{
	handoff.NoticeSilent:      "it was handed over to %s, and nothing is heard from there; it is asked on",
	handoff.NoticeUnknown:     "it was handed over to %s, which knows nothing of it; it is asked on",
	handoff.NoticeTakenBack:   "%s does not have it, and it goes on here",
	handoff.NoticeMoved:       "it runs on %s",
	handoff.NoticeMachineLost: "what was held of it is gone; %s may have it",
	handoff.NoticeUnwritten:   "what becomes of its move to %s cannot be written down; it is tried again",
	handoff.NoticeUnresolved:  "what was said of its move to %s could not be written down, and does not count",
	handoff.NoticeAsking:      "%s is connected and being asked: wait for its answer",
}

func (p *sender) notice(n handoff.Notice) {
	if n == handoff.NoticeHandedOver {
		p.enter("handed-over")
	}
	if text := notices[n]; text != "" {
		p.source.Note(fmt.Sprintf(text, p.dialer.Peer()))
	}
}

// reconnect makes a connection for control anew, a while from now.
func (p *sender) reconnect(ctx context.Context) {
	if p.link != nil {
		_ = p.link.Close()
		p.link = nil
	}
	p.silence = nil
	go func() {
		select {
		case <-time.After(p.options.Patience.Retry):
		case <-p.over:
			return
		}
		ctx, cancel := context.WithTimeout(ctx, p.options.Patience.Connect)
		defer cancel()
		link, err := p.dialer.Control(ctx)
		if err != nil {
			p.tell(happening{event: handoff.LinkLost, err: err})
			return
		}
		if !p.tell(happening{event: handoff.Reconnected, fresh: link}) {
			_ = link.Close()
		}
	}()
}

// listen tells what the target says on a connection until that ends.
func (p *sender) listen(link Link) {
	for {
		h := happening{link: link}
		m, err := link.Read(context.Background())
		switch m := m.(type) {
		case nil:
			h.event, h.err = handoff.LinkLost, err
		case wire.Farewell:
			h.note = func(p *sender) { p.farewell = m.Session == p.session }
		default:
			h.event, h.err = p.heard(m)
		}
		if !p.tell(h) || h.event == handoff.LinkLost {
			return
		}
	}
}

// heard is what a message of the target's is for the rules, and why if that is bad.
func (p *sender) heard(m wire.Message) (handoff.Event, error) {
	session, event, err := p.session, handoff.Event(0), error(nil)
	switch m := m.(type) {
	case wire.Prepared:
		session, event = m.Session, handoff.GotPrepared
	case wire.Running:
		session, event = m.Session, handoff.GotRunning
	case wire.Failed:
		session, event, err = m.Session, handoff.GotFailed, fmt.Errorf("the target: %s", m.Reason)
	case wire.Answer:
		session = m.Session
		if a, ok := handoff.ParseAnswer(string(m.Outcome)); ok {
			event = a.Event()
		}
		if m.Reason != "" {
			err = fmt.Errorf("the target: %s", m.Reason)
		}
	default:
		event, err = handoff.LinkLost, fmt.Errorf("the target said %v in the wrong place", m.Type())
	}
	if session != p.session {
		return handoff.LinkLost, errors.New("the target speaks of another session")
	}
	return event, err
}
