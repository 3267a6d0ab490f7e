package pages

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/hullvm/hull/mem"
)

// Target is memory that is filled; *mem.Guest is one. It begins as zero, and nobody else
// uses it before the receiver has ended.
type Target interface {
	// Slots are the pieces of the memory, in order of address.
	Slots() []mem.Slot
	WriteAt(p []byte, a mem.Addr) error
	Zero(a mem.Addr, n uint64) error
}

// Receiver takes memory. Its connections are its own.
type Receiver struct {
	memory Target
	pages  *numbering
	ins    []*in
	has    pageBits // pages that data was written to
	run    sync.WaitGroup

	mu      sync.Mutex
	err     error         // the first
	changed chan struct{} // closed, and made new, when what follows changes, or err
	places  []place       // of each connection
}

// place is how far a connection is.
type place struct {
	done  uint32 // the last epoch that is in memory
	more  bool   // pages of the one after it are as well
	ended bool   // nothing more comes
}

// NewReceiver takes memory from 1 to wire.MaxChannels connections, on each of which the
// next byte is a frame's, in the order of their numbers. They are closed with the
// receiver.
func NewReceiver(m Target, conns []net.Conn) (*Receiver, error) {
	n, err := number(m.Slots())
	if err == nil {
		err = checkConnections(len(conns))
	}
	if err != nil {
		return nil, fmt.Errorf("receive memory: %w", err)
	}
	r := &Receiver{memory: m, pages: n, has: newPageBits(n.pages), changed: make(chan struct{}), places: make([]place, len(conns))}
	for i, conn := range conns {
		own := owner{connection: uint64(i), connections: uint64(len(conns)), pages: n.pages}
		r.ins = append(r.ins, newIn(r, conn, own))
	}
	return r, nil
}

// Run takes what comes until all connections have ended, ctx has, or there was an error,
// which is the first, and ends the others. It is to be called once.
func (r *Receiver) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { r.fail(fmt.Errorf("it was stopped: %w", context.Cause(ctx))) })
	defer stop()
	r.start()
	r.run.Wait()
	if err := r.cause(); err != nil {
		return fmt.Errorf("receive memory: %w", err)
	}
	return nil
}

// start does so but for a receiver that has ended: who closes it waits for all that
// were started.
func (r *Receiver) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	for _, c := range r.ins {
		r.run.Go(func() {
			if err := c.receive(); err != nil {
				r.fail(fmt.Errorf("connection %d: %w", c.own.connection, err))
			}
		})
	}
}

// Wait returns when all pages up to an epoch are in memory, or never will be.
func (r *Receiver) Wait(ctx context.Context, epoch uint32) error {
	for {
		there, changed, err := r.look(epoch)
		if err != nil {
			return fmt.Errorf("receive memory: wait for epoch %d: %w", epoch, err)
		}
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("receive memory: wait for epoch %d: %w", epoch, context.Cause(ctx))
		}
	}
}

func (r *Receiver) look(epoch uint32) (there bool, changed <-chan struct{}, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return false, nil, r.err
	}
	there = true
	for i, p := range r.places {
		if p.done >= epoch {
			continue
		}
		if p.ended {
			return false, nil, fmt.Errorf("connection %d: the source closed it after epoch %d", i, p.done)
		}
		there = false
	}
	return there, r.changed, nil
}

// Finish is Wait for the last epoch, after which it closes the receiver: memory is then
// what the source said, and is written no more. Pages of a later epoch are an error.
func (r *Receiver) Finish(ctx context.Context, epoch uint32) error {
	if err := r.Wait(ctx, epoch); err != nil {
		return err
	}
	r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range r.places {
		if p.done > epoch || p.more {
			return fmt.Errorf("receive memory: connection %d: there were pages of epoch %d, and %d was the last", i, p.done+1, epoch)
		}
	}
	return nil
}

// Close ends the receiver. When it returns, memory is written no more.
func (r *Receiver) Close() {
	r.fail(ErrClosed)
	r.run.Wait()
}

// fail ends all connections, with the first error.
func (r *Receiver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return
	}
	r.err = err
	for _, c := range r.ins {
		_ = c.conn.Close() // nothing is written to them that matters
	}
	r.tellLocked()
}

func (r *Receiver) cause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(r.err, ErrClosed) {
		return nil
	}
	return r.err
}

// move notes how far a connection is.
func (r *Receiver) move(connection uint64, p place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places[connection] = p
	r.tellLocked()
}

func (r *Receiver) tellLocked() {
	close(r.changed)
	r.changed = make(chan struct{})
}
