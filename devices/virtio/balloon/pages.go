package balloon

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// maxPages is the most pages that a request may name; Linux names 256. The rest
// is dropped: each may cost a system call.
const maxPages = 16 << 10

// pageList is memory for the pages of a request, used again by the next.
type pageList struct {
	raw   []byte
	pages []uint32
}

// read takes the page numbers in ranges (section 5.5.6: le32 each), and returns
// how many bytes there were beside them.
func (l *pageList) read(m *mem.Guest, c *virtq.Chain) (left uint64, err error) {
	n := c.ReadableLen()
	left = n
	if n = min(n&^3, 4*maxPages); uint64(cap(l.raw)) < n {
		l.raw = make([]byte, n)
	}
	l.pages = l.pages[:0]
	if _, err := virtq.CopyFrom(m, l.raw[:n], c.Readable, 0); err != nil {
		return left, err
	}
	for p := l.raw[:n]; len(p) > 0; p = p[4:] {
		l.pages = append(l.pages, binary.LittleEndian.Uint32(p))
	}
	return left - n, nil
}

// runs calls f with the pages in order, those that follow each other at once.
func runs(pages []uint32, f func(first, n uint64)) {
	slices.Sort(pages)
	for i := 0; i < len(pages); {
		first, next := uint64(pages[i]), uint64(pages[i])+1
		for i++; i < len(pages) && uint64(pages[i]) <= next; i++ {
			next = uint64(pages[i]) + 1
		}
		f(first, next-first)
	}
}

// inflate gives the pages that a request names back to the host.
func (a *activation) inflate(c *virtq.Chain, l *pageList) {
	left, err := l.read(a.Memory, c)
	if left > 0 || err != nil {
		a.device.counters.refused.Add(1)
	}
	good := l.pages[:0]
	for _, p := range l.pages {
		if !a.Memory.Contains(mem.Addr(p)*pageSize, pageSize) {
			a.device.counters.refused.Add(1)
			continue
		}
		good = append(good, p)
	}
	runs(good, func(first, n uint64) {
		a.device.counters.inflated.Add(n)
		a.discard(mem.Addr(first)*pageSize, n*pageSize)
	})
}

// deflate has nothing to do: a page that the host took comes back when the guest
// uses it.
func (a *activation) deflate(c *virtq.Chain) {
	a.device.counters.deflated.Add(c.ReadableLen() / 4)
}

// report gives pages back that the guest does not use until the request is
// answered (section 5.5.6.7).
func (a *activation) report(c *virtq.Chain) {
	if a.Has(FeaturePagePoison) && a.device.register(regPoisonVal) != 0 {
		return // they must keep what they hold, and would come back as zeros
	}
	for _, r := range c.Writable {
		if a.discard(r.Addr, uint64(r.Len)) {
			a.device.counters.reported.Add(uint64(r.Len))
		}
	}
}

// discard gives memory back to the host, and reports whether that worked.
func (a *activation) discard(at mem.Addr, n uint64) bool {
	c := &a.device.counters
	c.discards.Add(1)
	err := a.Memory.Discard(at, n)
	var access *mem.AccessError
	switch {
	case err == nil:
		return true
	case errors.As(err, &access):
		c.refused.Add(1)
	default:
		c.failed.Add(1)
		a.device.complain(err)
	}
	return false
}
