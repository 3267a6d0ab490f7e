package pages

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/migrate/wire"
)

// in is one connection of a receiver.
type in struct {
	receiver *Receiver
	conn     net.Conn
	wire     *wire.Conn
	own      owner

	place   place
	frames  uint64 // of the epoch that is under way
	pages   uint64 // in them
	room    []run
	decoder decoder
}

func newIn(r *Receiver, conn net.Conn, own owner) *in {
	return &in{receiver: r, conn: conn, wire: wire.New(conn), own: own, room: make([]run, 0, maxRuns)}
}

// receive takes frames until the connection ends, which it may between two epochs.
func (c *in) receive() error {
	defer c.decoder.close()
	for {
		f, err := c.wire.Read()
		switch {
		case errors.Is(err, io.EOF) && c.frames == 0:
			c.place.ended = true
			c.receiver.move(c.own.connection, c.place)
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the source closed it in epoch %d", c.epoch())
		case err != nil:
			return err
		}
		if f.Type == wire.TypeMemory {
			err = c.memory(f.Payload)
		} else {
			err = c.end(f)
		}
		if err != nil {
			return fmt.Errorf("frame %d: %w", f.Number, err)
		}
	}
}

// epoch is the one that may be under way.
func (c *in) epoch() uint32 { return c.place.done + 1 }

// memory takes a frame of pages. Nothing is written before all of it was judged.
func (c *in) memory(payload []byte) error {
	h, runs, data, err := c.own.parse(payload, c.room)
	if err != nil {
		return err
	}
	if h.epoch != c.epoch() || h.epoch == 0 {
		return fmt.Errorf("epoch %d, want %d", h.epoch, c.epoch())
	}
	if data, err = c.decoder.decode(h.encoding, data, h.size); err != nil {
		return err
	}
	if !c.place.more {
		c.place.more = true
		c.receiver.move(c.own.connection, c.place)
	}
	c.frames++
	for _, r := range runs {
		c.pages += uint64(r.pages)
		if r.zero {
			err = c.zero(r)
		} else {
			n := int(r.pages) * PageSize
			err = c.write(r, data[:n])
			data = data[n:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *in) write(r run, data []byte) error {
	for page := r.first; page < r.end(); page++ {
		c.receiver.has.set(page)
	}
	for a, n := range c.receiver.pages.parts(r.first, uint64(r.pages)) {
		if err := c.receiver.memory.WriteAt(data[:n*PageSize], a); err != nil {
			return err
		}
		data = data[n*PageSize:]
	}
	return nil
}

// zero makes pages zero, but for those that are: they take no memory of the host's.
func (c *in) zero(r run) error {
	page := r.first
	for a, n := range c.receiver.pages.parts(r.first, uint64(r.pages)) {
		for range n {
			if c.receiver.has.has(page) {
				if err := c.receiver.memory.Zero(a, PageSize); err != nil {
					return err
				}
				c.receiver.has.clear(page)
			}
			page, a = page+1, a+mem.Addr(PageSize)
		}
	}
	return nil
}

// end takes the end of the epoch.
func (c *in) end(f wire.Frame) error {
	m, err := wire.Expect[wire.EpochEnd](f)
	if err != nil {
		return err
	}
	switch {
	case m.Epoch != c.epoch() || m.Epoch == 0:
		return fmt.Errorf("the end of epoch %d, want %d", m.Epoch, c.epoch())
	case m.Frames != c.frames || m.Pages != c.pages:
		return fmt.Errorf("epoch %d ends after %d frames of %d pages, and %d of %d came", m.Epoch, m.Frames, m.Pages, c.frames, c.pages)
	}
	// Whoever waits for the epoch may close the receiver.
	if err := c.wire.WriteMessage(wire.EpochDone{Epoch: m.Epoch}); err != nil {
		return err
	}
	c.place = place{done: m.Epoch}
	c.frames, c.pages = 0, 0
	c.receiver.move(c.own.connection, c.place)
	return nil
}
