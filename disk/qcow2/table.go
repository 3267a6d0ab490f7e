package qcow2

import (
	"encoding/binary"
	"sync/atomic"
)

// rootTable is an L1 table or a refcount table: all of it is in memory.
type rootTable struct {
	entries []uint64
	dirty   map[int]struct{} // entries that the file does not have yet
	// moved says that the file has none of it yet: it was given a new place,
	// which the header names once the table is there.
	moved bool
}

func (r *rootTable) set(i int, entry uint64) {
	r.entries[i] = entry
	if r.moved {
		return
	}
	if r.dirty == nil {
		r.dirty = make(map[int]struct{})
	}
	r.dirty[i] = struct{}{}
}

// pageSize is the unit in which tables are written.
const pageSize = 4096

// table is an L2 table or a refcount block in memory, one cluster, as it is in
// the file.
type table struct {
	off   int64
	bytes []byte
	dirty []uint64 // one bit for each page that the file does not have yet
	// fresh says that nothing in the file refers to the table yet.
	fresh bool
	// queued says that the cache has it in its list of dirty tables.
	queued bool
	// writing says that a commit has copies of pages that are not in the file
	// yet: it must not be read from there.
	writing bool
	used    atomic.Bool
}

func newTable(off int64, p []byte) *table {
	return &table{off: off, bytes: p, dirty: make([]uint64, (len(p)/pageSize+64)/64)}
}

func (t *table) entry(i int) uint64 { return binary.BigEndian.Uint64(t.bytes[i*8:]) }

// cache keeps tables in memory up to a number, and beyond it those that the
// file does not have yet. Finding one takes a read lock, all else the lock.
type cache struct {
	max   int
	byOff map[int64]*table
	ring  []*table // for the clock hand
	hand  int
	dirty []*table
	// forgotten counts the tables that were in the cache and are not any more.
	forgotten uint64
}

func (c *cache) init(n int) {
	c.max = n
	c.byOff = make(map[int64]*table)
}

// find is the table at off, or nil.
func (c *cache) find(off int64) *table {
	t := c.byOff[off]
	if t != nil && !t.used.Load() {
		t.used.Store(true)
	}
	return t
}

func (c *cache) put(t *table) {
	c.drop(t.off)
	for len(c.ring) >= c.max && c.evict() {
		continue
	}
	t.used.Store(true)
	c.byOff[t.off] = t
	c.ring = append(c.ring, t)
}

// evict forgets a table that was not used lately, if there is one that the file
// has.
func (c *cache) evict() bool {
	for range 2 * len(c.ring) {
		c.hand = (c.hand + 1) % len(c.ring)
		t := c.ring[c.hand]
		if t.queued || t.writing || t.used.Swap(false) {
			continue
		}
		c.remove(c.hand)
		return true
	}
	return false
}

// drop forgets the table at off, whatever its state.
func (c *cache) drop(off int64) {
	t := c.byOff[off]
	if t == nil {
		return
	}
	for i, other := range c.ring {
		if other == t {
			c.remove(i)
			break
		}
	}
	for i, other := range c.dirty {
		if other == t {
			c.dirty = append(c.dirty[:i], c.dirty[i+1:]...)
			break
		}
	}
}

func (c *cache) remove(i int) {
	c.forgotten++
	delete(c.byOff, c.ring[i].off)
	last := len(c.ring) - 1
	c.ring[i] = c.ring[last]
	c.ring[last] = nil
	c.ring = c.ring[:last]
}

// mark notes that the bytes of t at off have changed.
func (c *cache) mark(t *table, off int) {
	page := off / pageSize
	t.dirty[page/64] |= 1 << (page % 64)
	c.queue(t)
}

// markAll is mark for a whole table.
func (c *cache) markAll(t *table) {
	for off := 0; off < len(t.bytes); off += pageSize {
		c.mark(t, off)
	}
}

func (c *cache) queue(t *table) {
	if !t.queued {
		t.queued = true
		c.dirty = append(c.dirty, t)
	}
}

// setEntry changes an entry of an L2 table.
func (c *cache) setEntry(t *table, i int, entry uint64) {
	binary.BigEndian.PutUint64(t.bytes[i*8:], entry)
	c.mark(t, i*8)
}
