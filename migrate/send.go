package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// Send moves a machine to the host that d connects to. It returns a report when the
// target has the machine, for certain or by a user's word; the machine here is to be
// thrown away then. On an error the machine is this host's, and its guest goes on as
// before, unless the error or Source.LetGo says otherwise. The end of ctx cancels the
// move, up to where it is handed over.
func Send(ctx context.Context, d Dialer, s Source, o Options) (*Report, error) {
	if o.Patience == (Patience{}) {
		o.Patience = DefaultPatience
	}
	p := &sender{
		dialer: d, source: s, options: o, session: wire.NewSession(),
		began: time.Now(), happened: make(chan happening), over: make(chan struct{}),
	}
	defer p.end()
	if err := p.open(ctx); err != nil {
		return nil, p.explain(ctx, err)
	}
	return p.decide(ctx)
}

// sender is one move from here. Its fields are owned by the goroutine of Send, but for
// those that say otherwise.
type sender struct {
	dialer  Dialer
	source  Source
	options Options
	session wire.Session
	total   uint64 // bytes of memory

	link     Link // nil for none
	channels []Channel
	begun    bool // the monitor has the channels

	side     *handoff.Source
	happened chan happening
	over     chan struct{} // closed when nobody takes what happens any more

	phase    string
	why      error // what the move comes to nothing for
	began    time.Time
	report   Report
	copied   Progress // of the goroutine that copies; handed over by what happened
	marks    marks
	pending  []handoff.Event
	silence  *time.Timer   // runs while something is waited for; nil for nothing
	word     handoff.Event // a user's; 0 for none
	operator bool          // it was that which decided
	farewell bool          // the target has kept the log
}

// marks are moments of the hand-over.
type marks struct{ sent, prepared time.Time }

// happening is something that happened to a move.
type happening struct {
	event handoff.Event
	link  Link  // of which it is; nil for those that are of none
	err   error // why
	fresh Link  // of Reconnected
	held  *heldReport
	note  func(*sender)
}

// discard lets go of what nobody wants to know any more.
func (h *happening) discard() {
	if h.fresh != nil {
		_ = h.fresh.Close()
	}
}

// tell has the goroutine of Send know.
func (p *sender) tell(h happening) bool {
	select {
	case p.happened <- h:
		return true
	case <-p.over:
		return false
	}
}

// open goes as far as to the copying.
func (p *sender) open(ctx context.Context) error {
	p.enter("greeting")
	if err := p.greet(ctx); err != nil {
		return err
	}
	p.enter("describing")
	channels, err := p.describe(ctx)
	if err != nil {
		return err
	}
	for i := range channels {
		c, err := p.dialer.Channel(ctx, p.session, uint8(i))
		if err != nil {
			return fmt.Errorf("connection %d for memory: %w", i, err)
		}
		p.channels = append(p.channels, c)
	}
	p.begun = true
	return p.source.Begin(ctx, files(p.channels))
}

func (p *sender) enter(phase string) {
	p.phase = phase
	p.show()
}

func (p *sender) show() {
	shown := p.copied
	shown.Phase, shown.Total, shown.Elapsed = p.phase, p.total, time.Since(p.began)
	p.source.Tell(shown)
}

func (p *sender) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Patience.Connect, fmt.Errorf("%s did not answer within %v", p.dialer.Peer(), p.options.Patience.Connect))
	defer cancel()
	var err error
	if p.link, err = p.dialer.Control(ctx); err != nil {
		return err
	}
	ours := hello(p.session)
	if err := p.link.Write(ours); err != nil {
		return err
	}
	theirs, err := await[wire.Hello](ctx, p.link)
	if err != nil {
		return err
	}
	if theirs.Session != p.session {
		return errors.New("the target answers for another session")
	}
	_, err = ours.Agree(theirs)
	return err
}

// describe says what the machine is, and returns how many connections the target takes.
func (p *sender) describe(ctx context.Context) (int, error) {
	d, err := p.source.Describe(ctx)
	if err != nil {
		return 0, err
	}
	p.total = d.MemorySize
	d.Channels, d.Compression, d.Downtime = uint8(p.options.Channels), p.options.Compression, p.options.Downtime
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Patience.Prepare, fmt.Errorf("the target had built no machine within %v", p.options.Patience.Prepare))
	defer cancel()
	if err := p.link.Write(*d); err != nil {
		return 0, err
	}
	m, err := p.link.Read(ctx)
	switch m := m.(type) {
	case wire.Accept:
		if int(m.Channels) < 1 || int(m.Channels) > p.options.Channels {
			return 0, fmt.Errorf("the target takes %d connections for memory: want 1 to %d", m.Channels, p.options.Channels)
		}
		return int(m.Channels), nil
	case wire.Reject:
		return 0, fmt.Errorf("the target cannot take it: %s", strings.Join(m.Reasons, "; "))
	case nil:
		return 0, err
	default:
		return 0, fmt.Errorf("the target said %v in the wrong place", m.Type())
	}
}

// explain is an error as the user has it.
func (p *sender) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	p.say(wire.Error{Phase: p.phase, Text: err.Error()})
	return fmt.Errorf("move to %s: %s: %w", p.dialer.Peer(), p.phase, err)
}

// say sends a message if there is somebody to hear it. What fails shows as the end of
// the connection.
func (p *sender) say(m wire.Message) {
	if p.link != nil {
		_ = p.link.Write(m)
	}
}

// endTime is how long a monitor may take to forget a move.
const endTime = 15 * time.Second

// end lets go of all that the move had.
func (p *sender) end() {
	close(p.over)
	if p.link != nil {
		_ = p.link.Close()
	}
	closeAll(p.channels)
	if !p.begun || p.side != nil && p.side.State() == handoff.SourceMoved {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if err := p.source.End(ctx); err != nil {
		p.source.Note(fmt.Sprintf("after the move: %v", err))
	}
}
