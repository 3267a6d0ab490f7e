package migrate

import (
	"context"
	"os"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// Listener is where a source comes to.
type Listener interface {
	// Next returns the next connection on which somebody has said what it is for.
	Next(ctx context.Context) (*Opening, error)
}

// Opening is a connection of which the first message was read.
type Opening struct {
	First wire.Message // Hello, Ask or Channel
	Peer  string       // its address

	Link    Link    // of a Hello or an Ask
	Channel Channel // of a Channel
}

// close closes a connection that nobody wants.
func (o *Opening) close() {
	if o.Link != nil {
		_ = o.Link.Close()
	}
	if o.Channel != nil {
		_ = o.Channel.Close()
	}
}

// Target is a machine that was made to be filled. Methods are called one after the
// other, but for Note and Remove.
type Target interface {
	// Judge says why the machine cannot be what the source's monitor has described;
	// nothing where it can.
	Judge(ctx context.Context, monitor []byte) (reasons []string, err error)
	// Begin hands the monitor the connections for memory.
	Begin(ctx context.Context, channels []*os.File) error
	// Wait waits until all of memory up to an epoch is there.
	Wait(ctx context.Context, epoch uint32) error
	// Load gives the machine its state.
	Load(ctx context.Context, state *os.File) error

	// Write makes a record durable, and says how that went (handoff.WriteDone,
	// handoff.WriteFailed, handoff.WriteUnclear).
	Write(ctx context.Context, r handoff.TargetRecord) handoff.Event
	// Run lets the guest go, and says how that went (handoff.Started,
	// handoff.StartRefused, handoff.StartFailed), with the reason if it did not.
	Run(ctx context.Context) (handoff.Event, error)
	// Remove ends the machine, which has not run.
	Remove(ctx context.Context)
	// Lost is closed when the machine has ended.
	Lost() <-chan struct{}

	// Log keeps the next part of the source's log of the instance, or the first, and
	// LogEnd is called when that was all.
	Log(part []byte, first bool) error
	LogEnd() error

	// Note says what the user is to know.
	Note(text string)
}

// Records answer for sessions of the past.
type Records interface {
	// Answer says what became of a session, for a source that asks.
	Answer(ctx context.Context, s wire.Session) wire.Answer
}
