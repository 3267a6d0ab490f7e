package migrate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/migrate/wire"
)

// Incoming is a machine that somebody wants to move here.
type Incoming struct {
	Describe wire.Describe
	Peer     string // address of the source
	Session  wire.Session

	listener Listener
	records  Records
	link     Link
	patience Patience
}

// Await waits for a machine. Meanwhile it answers for sessions of the past. An attempt
// that goes wrong is told to refused, which may be nil, and the wait goes on.
func Await(ctx context.Context, l Listener, r Records, p Patience, refused func(error)) (*Incoming, error) {
	if p == (Patience{}) {
		p = DefaultPatience
	}
	for {
		o, err := l.Next(ctx)
		if err != nil {
			return nil, err
		}
		switch m := o.First.(type) {
		case wire.Hello:
			in := &Incoming{Peer: o.Peer, Session: m.Session, listener: l, records: r, link: o.Link, patience: p}
			if err = in.greet(ctx, m); err == nil {
				return in, nil
			}
			err = fmt.Errorf("from %s: %w", o.Peer, err)
			in.fail("greeting", err)
		case wire.Ask:
			go answer(ctx, r, o.Link, m, p.Answer)
			continue
		default:
			err = fmt.Errorf("from %s: a connection for memory of a session that is not this one's", o.Peer)
			o.close()
		}
		if refused != nil {
			refused(err)
		}
	}
}

// answer tells a source what became of a session, and gives it time to hear it.
func answer(ctx context.Context, r Records, l Link, m wire.Ask, patience time.Duration) {
	defer l.Close()
	if l.Write(r.Answer(ctx, m.Session)) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = l.Read(ctx) // it closes the connection when it has heard
}

// greet answers a source, and reads what it wants to bring.
func (in *Incoming) greet(ctx context.Context, theirs wire.Hello) error {
	ours := hello(in.Session)
	if err := in.link.Write(ours); err != nil {
		return err
	}
	if _, err := ours.Agree(theirs); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, in.patience.Connect, fmt.Errorf("no machine was described within %v", in.patience.Connect))
	defer cancel()
	d, err := await[wire.Describe](ctx, in.link)
	in.Describe = d
	return err
}

// fail tells the source why it comes to nothing, and ends the connection.
func (in *Incoming) fail(phase string, err error) {
	_ = in.link.Write(wire.Error{Phase: phase, Text: err.Error()}) // it may be gone
	_ = in.link.Close()
}

// Reject tells the source why this host does not take the machine, and returns that.
func (in *Incoming) Reject(reasons ...string) error {
	_ = in.link.Write(wire.Reject{Reasons: reasons})
	_ = in.link.Close()
	errs := make([]error, len(reasons))
	for i, r := range reasons {
		errs[i] = errors.New(r)
	}
	return fmt.Errorf("from %s: %w", in.Peer, errors.Join(errs...))
}

// accept tells the source that its machine is welcome, and waits for its connections.
func (in *Incoming) accept(ctx context.Context) (_ []Channel, err error) {
	n := int(in.Describe.Channels)
	if err := in.link.Write(wire.Accept{Channels: in.Describe.Channels, Compression: in.Describe.Compression}); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, in.patience.Connect, fmt.Errorf("not all %d connections for memory came within %v", n, in.patience.Connect))
	defer cancel()
	ctx, leave := in.link.Context(ctx)
	defer leave()
	channels := make([]Channel, n)
	defer func() {
		if err != nil {
			for _, c := range channels {
				if c != nil {
					_ = c.Close()
				}
			}
		}
	}()
	for have := 0; have < n; {
		o, err := in.listener.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
		c, ok := o.First.(wire.Channel)
		switch {
		case ok && c.Session == in.Session && int(c.Number) < n && channels[c.Number] == nil:
			channels[c.Number] = o.Channel
			have++
		default:
			in.elsewhere(ctx, o)
		}
	}
	return channels, nil
}

// elsewhere deals with a connection that is not of this session.
func (in *Incoming) elsewhere(ctx context.Context, o *Opening) {
	switch m := o.First.(type) {
	case wire.Ask:
		go answer(ctx, in.records, o.Link, m, in.patience.Answer)
	case wire.Hello:
		_ = o.Link.Write(wire.Error{Phase: "greeting", Text: "another machine is arriving here; try again when it has"})
		_ = o.Link.Close()
	default:
		o.close()
	}
}
