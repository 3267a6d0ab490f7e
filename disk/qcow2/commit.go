package qcow2

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// commits lets one commit run at a time, and a flush take the result of one that
// started after it.
type commits struct {
	mu      sync.Mutex
	started atomic.Uint64
	done    uint64 // the last that succeeded
}

// Flush makes every write that has returned durable, with the tables that lead
// to it.
func (im *Image) Flush() error {
	if im.readOnly {
		return nil
	}
	if err := im.commit(im.commits.started.Load() + 1); err != nil {
		return fmt.Errorf("disk %q: flush: %w", im.f.Name(), err)
	}
	return nil
}

// changedLocked sees to it that what changed in memory reaches the file even if
// nobody flushes. mu is held for writing.
func (im *Image) changedLocked() {
	if im.timer != nil || im.interval <= 0 || im.closed {
		return
	}
	var t *time.Timer
	t = time.AfterFunc(im.interval, func() {
		im.mu.Lock()
		if im.timer == t {
			im.timer = nil
		}
		im.mu.Unlock()
		// What fails here stays in memory, and the next flush says so.
		_ = im.commit(im.commits.started.Load() + 1)
	})
	im.timer = t
}

// relieve commits where too much waits in memory for one.
func (im *Image) relieve() error {
	im.mu.RLock()
	much := len(im.l2.dirty) > im.l2.max/2 || len(im.refs.dirty) > im.refs.max/2 || len(im.limbo.frees) > maxLimbo
	im.mu.RUnlock()
	if !much {
		return nil
	}
	return im.commit(im.commits.started.Load() + 1)
}

// commit brings the file to the state of the tables in memory at some moment
// during the call, in the order that doc.go states, and makes it durable. Where
// the commit of number covered, or a later one, has succeeded by the time it is
// its turn, that is enough. 0 is Close's, and the last there is.
func (im *Image) commit(covered uint64) error {
	c := &im.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	if covered != 0 && c.done >= covered {
		return nil
	}
	n := c.started.Add(1)
	b, err := im.take(covered == 0)
	if err != nil {
		return err
	}
	err = b.write(im.f)
	im.finish(b, err)
	if err != nil {
		return err
	}
	if err := im.reap(); err != nil {
		return err
	}
	c.done = n
	return im.writeRefcounts(b.touched)
}

// write is bytes on their way to the file.
type write struct {
	off   int64
	bytes []byte
}

// taken is a table of which a commit has copies.
type taken struct {
	t     *table
	of    *cache
	dirty []uint64
	fresh bool
}

// batch is what one commit writes. Each step is in the file before the next
// refers to it.
type batch struct {
	tables   []write // refcount blocks, and tables that nothing refers to yet
	refTable []write // what leads to the refcount blocks
	mapping  []write // L2 entries, L1 entries, the disk's size
	began    bool    // mapping has begun: what was fresh may be referred to

	touched uint64 // Image.touched at the moment of the copy
	taken   []taken
	l1, ref rootTable // dirty and moved, as they were
	header  bool      // size and L1 table are among the mapping
}

// take copies what has changed.
func (im *Image) take(closing bool) (*batch, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if im.closed && !closing {
		return nil, errClosed
	}
	if im.corrupt != nil {
		return nil, im.corrupt
	}
	b := &batch{touched: im.touched}
	if im.timer != nil {
		im.timer.Stop()
		im.timer = nil
	}
	im.takeTables(b, &im.refs, &b.tables)
	im.takeTables(b, &im.l2, &b.mapping)
	h := &im.hdr
	b.ref = takeRoot(&im.refTable, h.RefcountTableOffset, &b.tables, &b.refTable)
	if b.ref.moved {
		p := binary.BigEndian.AppendUint64(nil, uint64(h.RefcountTableOffset))
		p = binary.BigEndian.AppendUint32(p, h.RefcountTableCluster)
		b.refTable = append(b.refTable, write{offRefcountTable, p})
	}
	b.l1 = takeRoot(&im.l1, h.L1TableOffset, &b.tables, &b.mapping)
	if b.header = im.hdrDirty; b.header {
		im.hdrDirty = false
		p := binary.BigEndian.AppendUint64(nil, uint64(h.Size))
		p = binary.BigEndian.AppendUint32(p, 0) // crypt_method
		p = binary.BigEndian.AppendUint32(p, h.L1Size)
		p = binary.BigEndian.AppendUint64(p, uint64(h.L1TableOffset))
		b.mapping = append(b.mapping, write{offSize, p})
	}
	im.limbo.take()
	if len(b.mapping) > 0 && !im.space.fixedSize && im.f.Size() < im.space.end {
		// Every cluster that a table refers to lies inside the file, even where
		// only its start was written. Nobody writes past end without mu.
		if err := im.f.Truncate(im.space.end); err != nil {
			im.restoreLocked(b)
			return nil, err
		}
	}
	return b, nil
}

// takeTables copies the pages of a cache's tables that the file does not have.
// Those of a fresh table are written with what nothing refers to.
func (im *Image) takeTables(b *batch, c *cache, into *[]write) {
	for _, t := range c.dirty {
		b.taken = append(b.taken, taken{t, c, t.dirty, t.fresh})
		list := into
		if t.fresh {
			list = &b.tables
		}
		*list = append(*list, t.pages()...)
		t.dirty = make([]uint64, len(t.dirty))
		t.queued, t.fresh, t.writing = false, false, true
	}
	c.dirty = nil
}

// pages copies the dirty pages of a table, neighbours together.
func (t *table) pages() []write {
	var out []write
	size := min(pageSize, len(t.bytes))
	for page := 0; page*size < len(t.bytes); page++ {
		if t.dirty[page/64]&(1<<(page%64)) == 0 {
			continue
		}
		p := t.bytes[page*size : (page+1)*size]
		if k := len(out) - 1; k >= 0 && out[k].off+int64(len(out[k].bytes)) == t.off+int64(page*size) {
			out[k].bytes = append(out[k].bytes, p...)
		} else {
			out = append(out, write{t.off + int64(page*size), slices.Clone(p)})
		}
	}
	return out
}

// takeRoot copies what the file does not have of a table at off: all of it where
// the table has moved, or single entries, those beside each other together.
func takeRoot(r *rootTable, off int64, whole, entries *[]write) rootTable {
	was := rootTable{dirty: r.dirty, moved: r.moved}
	if r.moved {
		*whole = append(*whole, write{off, encode64(r.entries)})
	}
	last := -2
	for _, i := range slices.Sorted(maps.Keys(r.dirty)) {
		if i != last+1 {
			*entries = append(*entries, write{off: off + int64(i)*8})
		}
		w := &(*entries)[len(*entries)-1]
		w.bytes = binary.BigEndian.AppendUint64(w.bytes, r.entries[i])
		last = i
	}
	r.dirty, r.moved = nil, false
	return was
}

// write is the commit itself. doc.go says why the barriers stand where they do.
func (b *batch) write(f File) error {
	if err := writeAll(f, b.tables); err != nil {
		return err
	}
	if len(b.refTable) > 0 {
		if err := f.Sync(); err != nil {
			return err
		}
		if err := writeAll(f, b.refTable); err != nil {
			return err
		}
	}
	if len(b.mapping) > 0 {
		if err := f.Sync(); err != nil {
			return err
		}
		b.began = true
		if err := writeAll(f, b.mapping); err != nil {
			return err
		}
	}
	return f.Sync()
}

func writeAll(f File, writes []write) error {
	for _, w := range writes {
		if err := f.WriteAt(w.bytes, w.off); err != nil {
			return fmt.Errorf("write the tables: %w", err)
		}
	}
	return nil
}

// finish ends a commit: what it wrote is in the file, or is dirty again. After
// a failed fdatasync the host may have dropped what was written before, so all
// of it is written again.
func (im *Image) finish(b *batch, err error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if err != nil {
		im.restoreLocked(b)
		return
	}
	for _, k := range b.taken {
		k.t.writing = false
	}
	im.limbo.durable = len(im.limbo.batch) > 0
}

func (im *Image) restoreLocked(b *batch) {
	for _, k := range b.taken {
		for i, bits := range k.dirty {
			k.t.dirty[i] |= bits
		}
		k.t.writing = false
		k.t.fresh = k.fresh && !b.began
		k.of.queue(k.t)
	}
	restoreRoot(&im.l1, &b.l1)
	restoreRoot(&im.refTable, &b.ref)
	im.hdrDirty = im.hdrDirty || b.header
	im.changedLocked()
}

func restoreRoot(r, was *rootTable) {
	if was.moved {
		r.moved = true
	}
	for i := range was.dirty {
		if i < len(r.entries) {
			r.set(i, r.entries[i])
		}
	}
}

// writeRefcounts writes the refcounts of clusters that have become free, without
// making them durable: should the process be killed, they are not lost to the
// image. It leaves them for later where the blocks hold counts that no table
// accounts for yet.
func (im *Image) writeRefcounts(touched uint64) error {
	im.mu.Lock()
	if im.touched != touched || len(im.refs.dirty) == 0 || len(im.refTable.dirty) > 0 || im.refTable.moved {
		im.mu.Unlock()
		return nil
	}
	b := &batch{}
	im.takeTables(b, &im.refs, &b.tables)
	im.mu.Unlock()
	err := writeAll(im.f, b.tables)
	im.mu.Lock()
	defer im.mu.Unlock()
	if err != nil {
		im.restoreLocked(b)
		return err
	}
	for _, k := range b.taken {
		k.t.writing = false
	}
	return nil
}
