package pages

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hullvm/hull/internal/ratelimit"
	"github.com/hullvm/hull/migrate/wire"
	"github.com/hullvm/hull/snapshot/memfile"
)

// ErrClosed is of a sender or receiver that was closed.
var ErrClosed = errors.New("it was closed")

// Memory is what is sent; *mem.Guest is one. It may change meanwhile.
type Memory = memfile.Source

// Options say how memory is sent. The zero value is without compression and limit.
type Options struct {
	Compression Encoding
	// Rate is how many bytes may be sent a second, over all connections; 0 for no
	// limit.
	Rate uint64
	// Pagemap and Base tell which pages were never used, as memfile.Options has them.
	// Both may be nil: then all of memory is read once.
	Pagemap, Base *os.File
}

// Pass is what an epoch was.
type Pass struct {
	Pages uint64 // that were looked at
	Zero  uint64 // of them that were zero
	Data  uint64 // bytes of those that were not, before compression
	Wire  uint64 // bytes of frames
	Took  time.Duration
}

// Sender sends memory. Its connections are its own.
type Sender struct {
	memory  Memory
	pages   *numbering
	options Options
	clock   ratelimit.Clock
	limit   *ratelimit.Limiter
	chooser *chooser
	outs    []*out
	sent    pageBits // pages that the target has data of
	readers sync.WaitGroup

	passing sync.Mutex // held during Pass; guards epoch
	epoch   uint32     // of the last Pass

	mu     sync.Mutex
	err    error         // what ended it
	failed chan struct{} // closed with it
}

// NewSender sends memory over 1 to wire.MaxChannels connections, on each of which the
// next byte is a frame's. They are closed with the sender.
func NewSender(m Memory, conns []net.Conn, o Options) (*Sender, error) {
	return newSender(m, conns, o, ratelimit.Clock{Now: time.Now})
}

func newSender(m Memory, conns []net.Conn, o Options, clock ratelimit.Clock) (*Sender, error) {
	n, err := number(m.Slots())
	if err == nil {
		err = checkConnections(len(conns))
	}
	if err == nil && o.Compression > lastEncoding && o.Compression != Auto {
		err = fmt.Errorf("compression %d is not known", uint16(o.Compression))
	}
	if err != nil {
		return nil, fmt.Errorf("send memory: %w", err)
	}
	s := &Sender{
		memory: m, pages: n, options: o, clock: clock, limit: ratelimit.New(limitsOf(o.Rate), clock), chooser: newChooser(o.Compression, len(conns)),
		sent: newPageBits(n.pages), failed: make(chan struct{}),
	}
	for i, conn := range conns {
		own := owner{connection: uint64(i), connections: uint64(len(conns)), pages: n.pages}
		s.outs = append(s.outs, newOut(s, conn, own))
	}
	for _, c := range s.outs {
		s.readers.Go(c.read)
	}
	return s, nil
}

func checkConnections(n int) error {
	if n < 1 || n > wire.MaxChannels {
		return fmt.Errorf("%d connections: want 1 to %d", n, wire.MaxChannels)
	}
	return nil
}

// limitsOf keeps what may pass at once small: a move is to leave room on the link all
// the time.
func limitsOf(rate uint64) ratelimit.Limits {
	return ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: rate, Burst: rate / 50}}
}

// SetRate changes the limit, for a pass that runs as well; 0 is none.
func (s *Sender) SetRate(rate uint64) { s.limit.Set(limitsOf(rate)) }

// Pass sends the pages of a set as they are now, or all that are in use with nil, which
// is for the first pass, and returns when all of them are in the target's memory.
// Epochs count from 1. After an error, ctx's end among them, the sender is of no use:
// its connections are closed.
func (s *Sender) Pass(ctx context.Context, epoch uint32, set *memfile.PageSet) (Pass, error) {
	s.passing.Lock()
	defer s.passing.Unlock()
	p, err := s.pass(ctx, epoch, set)
	if err != nil {
		return p, fmt.Errorf("send memory: epoch %d: %w", epoch, err)
	}
	return p, nil
}

func (s *Sender) pass(ctx context.Context, epoch uint32, set *memfile.PageSet) (p Pass, err error) {
	switch {
	case s.cause() != nil:
		return p, s.cause()
	case epoch != s.epoch+1 || epoch == 0:
		return p, fmt.Errorf("it is not the one after %d", s.epoch)
	case set == nil && epoch > 1:
		return p, errors.New("all of memory after the first")
	case set != nil && set.Size() != s.pages.size():
		return p, fmt.Errorf("a set of pages of %d bytes, and memory of %d", set.Size(), s.pages.size())
	}
	stop := context.AfterFunc(ctx, func() { s.fail(fmt.Errorf("it was stopped: %w", context.Cause(ctx))) })
	defer stop()
	start := s.clock.Now()
	if set == nil {
		if set, err = memfile.Used(ctx, s.memory, memfile.Options{Pagemap: s.options.Pagemap, Base: s.options.Base}); err != nil {
			s.fail(err)
			return p, s.cause()
		}
	}
	s.epoch = epoch
	var all sync.WaitGroup
	for _, c := range s.outs {
		all.Go(func() {
			if err := c.pass(epoch, set); err != nil {
				s.fail(fmt.Errorf("connection %d: %w", c.own.connection, err))
			}
		})
	}
	all.Wait()
	for _, c := range s.outs {
		p.Pages += c.stats.Pages
		p.Zero += c.stats.Zero
		p.Data += c.stats.Data
		p.Wire += c.stats.Wire
	}
	p.Took = s.clock.Now().Sub(start)
	return p, s.cause()
}

// fail ends the sender, with the first error.
func (s *Sender) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	close(s.failed)
	for _, c := range s.outs {
		_ = c.conn.Close() // nothing was promised of what is on its way
	}
}

// cause is what ended the sender, nil while it is of use.
func (s *Sender) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close ends the sender, and a Pass that runs. When it returns, memory is read no more.
func (s *Sender) Close() {
	s.fail(ErrClosed)
	s.readers.Wait()
	s.passing.Lock()
	defer s.passing.Unlock()
	for _, c := range s.outs {
		c.encoder.close()
	}
}
