package migrate

import (
	"context"
	"os"
	"time"

	"github.com/hullvm/hull/migrate/handoff"
	"github.com/hullvm/hull/migrate/wire"
)

// Source is a machine that is to leave, and what is known of it on its host. Methods
// are called from several goroutines, but for those of memory, which follow each other.
type Source interface {
	// Describe says what the machine is; Channels, Compression and Downtime are filled
	// in by Send.
	Describe(ctx context.Context) (*wire.Describe, error)

	// Begin hands the machine's monitor the connections for memory.
	Begin(ctx context.Context, channels []*os.File) error
	// Pass sends what has changed since the pass before; at first all.
	Pass(ctx context.Context) (Pass, error)
	// Slow slows the guest down by so many percent.
	Slow(ctx context.Context, percent int) error
	// Last sends what has changed of a machine that is held, after writing the state of
	// its vCPUs and devices to a file.
	Last(ctx context.Context, state *os.File) (Pass, error)
	// End undoes Begin. It is no mistake where nothing was begun.
	End(ctx context.Context) error

	// Hold holds the guest, and LetGo lets it go on again, if Hold has held it.
	Hold(ctx context.Context) error
	LetGo(ctx context.Context) error
	// Write makes a record durable, and says how that went (handoff.WriteDone,
	// handoff.WriteFailed, handoff.WriteUnclear). When HandedOver is written the target
	// can have what only one of both may: locks of disks.
	Write(ctx context.Context, r handoff.SourceRecord) handoff.Event
	// Resolved gives handoff.ResolveSource or handoff.ResolveTarget when a user has
	// said so.
	Resolved() <-chan handoff.Event

	// Log gives the instance's log from its beginning, part by part.
	Log(ctx context.Context, part func([]byte) error) error

	// Tell says how far the move is, and Note what the user is to know.
	Tell(p Progress)
	Note(text string)
}

// Pass is what one pass over memory was like.
type Pass struct {
	Epoch uint32
	Pages uint64 // of them Zero were zero
	Zero  uint64
	Data  uint64 // bytes of the others
	Wire  uint64 // bytes that this took on the network
	Took  time.Duration
	Left  uint64 // bytes that had changed again at its end
}

// Progress is how far a move is.
type Progress struct {
	Phase            string
	Round            int
	Sent             uint64 // bytes of memory in all passes
	Total            uint64 // bytes of memory
	Left             uint64 // bytes of memory that are not up to date at the target
	Rate             uint64 // bytes of memory a second
	DirtyRate        uint64 // bytes a second
	Throttle         int    // percent
	ExpectedDowntime time.Duration
	Elapsed          time.Duration
}

// Report is what a move took.
type Report struct {
	Rounds    int
	Sent      uint64 // bytes of memory
	Pages     uint64
	ZeroPages uint64
	Wire      uint64 // bytes
	Total     time.Duration

	// What the guest was held for, one after the other.
	Pause, LastPass, State, Load, Resume time.Duration

	// Unheard says that it was a user who said that the target has the machine.
	Unheard bool
	// Unlogged is why the target does not have the instance's log; nil where it does.
	Unlogged error
}

// Downtime is how long the guest was held, as far as the source can see.
func (r *Report) Downtime() time.Duration { return r.Pause + r.LastPass + r.State + r.Load + r.Resume }
