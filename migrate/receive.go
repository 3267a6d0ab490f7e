package migrate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/transport"
	"github.com/hullvm/hull/migrate/wire"
)

// Run receives the machine, and returns nil when it runs here and the source knows, or
// was waited for long enough. On an error the machine has not run and never will, and
// was removed. The end of ctx ends a move that is not committed.
func (in *Incoming) Run(ctx context.Context, t Target) error {
	r := &receiver{Incoming: in, target: t, happened: make(chan arrived), over: make(chan struct{})}
	defer func() {
		close(r.over)
		r.work.Wait() // what it uses is closed now
		if r.state != nil {
			_ = r.state.Close()
		}
		closeAll(r.channels)
		if r.link != nil {
			_ = r.link.Close()
		}
	}()
	if err := r.open(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		in.fail("describing", err)
		t.Remove(context.WithoutCancel(ctx))
		return fmt.Errorf("from %s: %w", in.Peer, err)
	}
	return r.decide(ctx)
}

// receiver is one move to here. Its fields are owned by the goroutine of Run.
type receiver struct {
	*Incoming
	target   Target
	channels []Channel

	side     *handoff.Target
	happened chan arrived
	over     chan struct{} // closed when nobody takes what happens any more

	state   *os.File // what has come of it
	length  uint64
	sum     stateSum
	loading bool // all of it has come
	work    sync.WaitGroup

	why     error
	pending []handoff.Event
	since   time.Time // it runs
	logged  bool      // the log is kept, and the source was told
	log     logSum
	limit   *time.Timer // of the wait for a source that is gone; nil for none
}

// arrived is something that happened to a move.
type arrived struct {
	event   handoff.Event
	link    Link // of which it is; nil for none
	message wire.Message
	err     error
	opening *Opening
}

func (r *receiver) tell(a arrived) bool {
	select {
	case r.happened <- a:
		return true
	case <-r.over:
		return false
	}
}

// open goes as far as to the copying.
func (r *receiver) open(ctx context.Context) error {
	reasons, err := r.target.Judge(ctx, r.Describe.Monitor)
	if err != nil {
		return err
	}
	if len(reasons) > 0 {
		return r.Reject(reasons...)
	}
	if r.state, err = stateFile(); err != nil {
		return err
	}
	if r.channels, err = r.accept(ctx); err != nil {
		return err
	}
	return r.target.Begin(ctx, files(r.channels))
}

// decide goes from the copying to the end, as the rules of package handoff have it.
func (r *receiver) decide(ctx context.Context) error {
	r.side = handoff.NewTarget(handoff.Session(r.Session))
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go r.listen(r.link)
	go r.welcome(working)
	retry := time.NewTicker(r.patience.Retry)
	defer retry.Stop()
	ended, lost := ctx.Done(), r.target.Lost()
	for !r.finished() {
		var late <-chan time.Time
		if r.limit != nil {
			late = r.limit.C
		}
		select {
		case a := <-r.happened:
			r.take(working, a)
		case <-ended:
			ended = nil
			if r.side.Owner() == handoff.Here {
				return nil // what is left is the log of the time before
			}
			r.because(context.Cause(ctx))
			r.happen(handoff.Timeout)
		case <-lost:
			lost = nil
			r.because(errors.New("its monitor has ended"))
			r.happen(handoff.MachineLost)
		case <-late:
			r.limit = nil
			if r.side.Owner() == handoff.Here {
				return nil // it runs, and the source has been waited for
			}
			r.because(fmt.Errorf("the source was gone for more than %v", r.patience.Commit))
			r.happen(handoff.Timeout)
		case <-retry.C:
			if r.side.Unwritten() {
				r.happen(handoff.Retry)
			}
		}
		for len(r.pending) > 0 {
			e := r.pending[0]
			r.pending = r.pending[1:]
			for _, a := range r.side.Step(e) {
				r.do(working, a)
			}
		}
	}
	if r.side.State() == handoff.TargetAborted {
		if r.why == nil {
			r.why = errors.New("the source gave up")
		}
		return fmt.Errorf("from %s: %w", r.Peer, r.why)
	}
	return nil
}

func (r *receiver) finished() bool {
	return r.side.Settled() && len(r.pending) == 0 && (r.side.State() == handoff.TargetAborted || r.logged)
}

func (r *receiver) happen(e handoff.Event) { r.pending = append(r.pending, e) }

func (r *receiver) because(err error) {
	if r.why == nil && err != nil {
		r.why = err
	}
}

// take looks at what a goroutine has told.
func (r *receiver) take(ctx context.Context, a arrived) {
	if a.opening != nil {
		r.joined(ctx, a.opening)
		return
	}
	if a.link != nil && a.link != r.link {
		return // of a connection that nobody uses any more
	}
	r.because(a.err)
	if a.event == handoff.LinkLost || a.event == handoff.GotCancel {
		_ = r.link.Close()
		r.link = nil
		r.waitForSource()
	}
	if a.message != nil {
		if err := r.hear(ctx, a.message); err != nil {
			// It does not keep to the protocol, and may be anybody.
			r.because(err)
			r.fail("receiving", err)
			r.link = nil
			r.waitForSource()
			r.happen(handoff.LinkLost)
		}
	}
	if a.event != 0 {
		r.happen(a.event)
	}
}

// waitForSource bounds the wait for a source that is gone.
func (r *receiver) waitForSource() {
	if r.limit == nil {
		r.limit = time.NewTimer(r.patience.Commit)
	}
}

// joined deals with a connection that has come.
func (r *receiver) joined(ctx context.Context, o *Opening) {
	m, ok := o.First.(wire.Ask)
	if !ok || m.Session != r.Session {
		r.elsewhere(ctx, o)
		return
	}
	if r.link != nil {
		_ = r.link.Close() // the source has made a new one, so that this is none
	}
	r.link, r.limit = o.Link, nil
	go r.listen(r.link)
	r.happen(handoff.GotAsk)
}

// welcome hands on connections that come.
func (r *receiver) welcome(ctx context.Context) {
	for {
		o, err := r.listener.Next(ctx)
		if err != nil {
			return // it is closed, or nobody wants it
		}
		if !r.tell(arrived{opening: o}) {
			r.elsewhere(ctx, o) // this move has just ended
			return
		}
	}
}

// listen tells what the source says on a connection until that ends.
func (r *receiver) listen(link Link) {
	for {
		m, err := link.Read(context.Background())
		if err != nil {
			event := handoff.LinkLost
			var peer *transport.PeerError
			if errors.As(err, &peer) || errors.Is(err, transport.ErrCancelled) {
				event = handoff.GotCancel // it goes on there, and has sent no commit
			}
			r.tell(arrived{event: event, link: link, err: err})
			return
		}
		if !r.tell(arrived{link: link, message: m}) {
			return
		}
	}
}
