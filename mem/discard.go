package mem

import (
	"fmt"
	"runtime"
)

// Discard gives the n bytes at a back to the host. They read as zero until they
// are written again. Only whole pages are given back: a and n that are not
// multiples of the page size leave the pages at the edges as they are. A range
// that is not all RAM is an [AccessError].
//
// A write by the guest that runs at the same time is lost or kept, as with
// memory that the guest has said it does not use.
func (g *Guest) Discard(a Addr, n uint64) error {
	defer runtime.KeepAlive(g)
	g.mu.Lock() // keeps Close from giving the memfd's number to another file
	defer g.mu.Unlock()
	if err := g.check("discard", a, n); err != nil {
		return err
	}
	return g.each(a, n, func(r *region, off uint64, p []byte) error {
		end := (off + uint64(len(p))) &^ (g.page - 1)
		off = (off + g.page - 1) &^ (g.page - 1)
		if off >= end {
			return nil
		}
		discard := func() error { return r.discardAt(off, end-off, g.fd, r.fileOffset) }
		if r.replaced != nil {
			discard = func() error { return r.discardImage(off, end-off) }
		}
		if err := discard(); err != nil {
			return fmt.Errorf("guest memory: discard %d bytes at %#x: %w", n, uint64(a), err)
		}
		g.mark(r, off, end-off)
		return nil
	})
}
