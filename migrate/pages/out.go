package pages

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/hullvm/hull/migrate/wire"
	"github.com/hullvm/hull/snapshot/memfile"
)

// framePages is how many pages of data a frame is made of: what is read, looked at,
// summed and written stays in the processor's cache.
const framePages = 64

// Under a limit a frame is at most this part of a second's worth, but smallFrame pages.
const (
	frameShare = 50
	smallFrame = 8
)

// out is one connection of a sender.
type out struct {
	sender *Sender
	conn   net.Conn
	wire   *wire.Conn
	own    owner

	// Of the goroutine that sends.
	epoch   uint32
	runs    []run  // of the frame that is being made
	data    []byte // likewise
	full    int    // bytes of data that are a frame
	head    []byte
	encoder encoder
	left    int64 // bytes of the epoch that are not sent yet, or fewer
	frames  uint64
	listed  uint64 // pages in them
	stats   Pass

	ended atomic.Uint32 // the epoch whose end was sent last
	done  chan struct{} // that it is in the target's memory
}

func newOut(s *Sender, conn net.Conn, own owner) *out {
	return &out{
		sender: s, conn: conn, wire: wire.New(conn), own: own,
		runs: make([]run, 0, maxRuns), data: make([]byte, 0, framePages*PageSize), head: make([]byte, 0, headSize+maxRuns*runSize),
		done: make(chan struct{}, 1),
	}
}

// pass sends the connection's pages of a set, and waits until the target has them.
func (c *out) pass(epoch uint32, set *memfile.PageSet) error {
	c.epoch, c.stats, c.frames, c.listed = epoch, Pass{}, 0, 0
	c.left = set.Bytes() / int64(c.own.connections)
	size := c.sender.pages.size()
	for at := int64(c.own.connection) * groupSize; at < size; at += int64(c.own.connections) * groupSize {
		for part := range set.Within(memfile.Extent{Offset: at, Size: min(groupSize, size-at)}) {
			if err := c.take(uint64(part.Offset/PageSize), uint64(part.Size/PageSize)); err != nil {
				return err
			}
		}
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.ended.Store(epoch)
	if err := c.wire.WriteMessage(wire.EpochEnd{Epoch: epoch, Frames: c.frames, Pages: c.listed}); err != nil {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-c.sender.failed:
		return c.sender.cause()
	}
}

// take reads pages of one group into frames.
func (c *out) take(first, count uint64) error {
	page := first
	for a, n := range c.sender.pages.parts(first, count) {
		for range n {
			if len(c.data) == 0 {
				c.full = c.frameSize()
			}
			b := c.data[len(c.data) : len(c.data)+PageSize]
			if err := c.sender.memory.ReadAt(b, a); err != nil {
				return err
			}
			if err := c.put(page, b); err != nil {
				return err
			}
			page, a = page+1, a+PageSize
		}
	}
	return nil
}

// put puts a page in, which was read behind what the frame has.
func (c *out) put(page uint64, b []byte) error {
	c.stats.Pages++
	zero := isZero(b)
	if zero {
		c.stats.Zero++
		c.left -= PageSize
		if !c.sender.sent.has(page) {
			return nil
		}
		c.sender.sent.clear(page)
	} else {
		c.data = c.data[:len(c.data)+PageSize]
		c.sender.sent.set(page)
	}
	c.list(page, zero)
	if len(c.data) >= c.full || len(c.runs) == maxRuns {
		return c.flush()
	}
	return nil
}

// list puts a page into the last run, or begins one.
func (c *out) list(page uint64, zero bool) {
	c.listed++
	if n := len(c.runs); n > 0 {
		if r := &c.runs[n-1]; r.zero == zero && r.end() == page && page%groupPages != 0 {
			r.pages++
			return
		}
	}
	c.runs = append(c.runs, run{first: page, pages: 1, zero: zero})
}

// frameSize is how many bytes of data the next frame has: fewer under a limit, so that
// what passes is even.
func (c *out) frameSize() int {
	rate := c.sender.limit.Limits().Bytes.PerSecond
	if rate == 0 {
		return framePages * PageSize
	}
	share := rate / frameShare / c.own.connections / PageSize
	return int(min(max(share, smallFrame), framePages)) * PageSize
}

// flush sends the frame.
func (c *out) flush() error {
	if len(c.runs) == 0 {
		return nil
	}
	now := c.sender.clock.Now
	begin := now()
	chosen := c.sender.chooser.next(c.left)
	as, data, err := c.encoder.encode(chosen, c.data, cap(c.data))
	if err != nil {
		return err
	}
	encoded := now()
	c.head = appendFrame(c.head[:0], head{epoch: c.epoch, encoding: as, size: len(c.data)}, c.runs)
	size := uint64(wire.HeaderSize + len(c.head) + len(data))
	if !c.sender.limit.Wait(c.sender.failed) {
		return c.sender.cause()
	}
	c.sender.limit.Take(1, size)
	if err := c.wire.Write(wire.TypeMemory, c.head, data); err != nil {
		return err
	}
	c.sender.chooser.note(sample{as: chosen, raw: len(c.data), encode: encoded.Sub(begin), write: now().Sub(encoded)})
	c.frames++
	c.stats.Data += uint64(len(c.data))
	c.stats.Wire += size
	c.left -= int64(len(c.data))
	c.runs, c.data = c.runs[:0], c.data[:0]
	return nil
}

// read takes what the target says, until the connection ends.
func (c *out) read() {
	err := c.answers()
	if errors.Is(err, io.EOF) {
		err = errors.New("the target closed it")
	}
	c.sender.fail(fmt.Errorf("connection %d: %w", c.own.connection, err))
}

func (c *out) answers() error {
	for last := uint32(0); ; last++ {
		f, err := c.wire.Read()
		if err != nil {
			return err
		}
		if f.Type == wire.TypeError {
			m, err := wire.Expect[wire.Error](f)
			if err != nil {
				return err
			}
			return fmt.Errorf("the target says: %s: %s", m.Phase, m.Text)
		}
		m, err := wire.Expect[wire.EpochDone](f)
		if err != nil {
			return err
		}
		if m.Epoch != last+1 || m.Epoch != c.ended.Load() {
			return fmt.Errorf("the target has epoch %d, and %d was the last that ended", m.Epoch, c.ended.Load())
		}
		c.done <- struct{}{} // an epoch is done once, and then waited for
	}
}

var zeroPage = make([]byte, PageSize)

func isZero(page []byte) bool { return bytes.Equal(page, zeroPage) }
