package qcow2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/disk/vectors"
)

// random is this run's source, whose seed is printed where a test fails.
func random(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("HULL_TEST_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("HULL_TEST_SEED=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// emptyImage is a new image with refcounts of 1<<order bits.
func emptyImage(t testing.TB, o CreateOptions, order uint) *memFile {
	t.Helper()
	f := newMemFile(nil)
	if err := Create(f, o); err != nil {
		t.Fatal(err)
	}
	clusterSize := o.ClusterSize
	if order != 4 {
		// All clusters of a new image have refcount 1 in one block.
		h := header(t, f)
		n := int64(len(f.bytes)) / clusterSize
		block := make([]byte, clusterSize)
		for c := range n {
			refSet(block, order, c, 1)
		}
		copy(f.bytes[2*clusterSize:], block)
		binary.BigEndian.PutUint32(f.bytes[96:], uint32(order))
		if n > 1<<(h.ClusterBits+3-order) {
			t.Fatalf("%d clusters do not fit into one block of order %d", n, order)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return f
}

func header(t testing.TB, f File) *Header {
	t.Helper()
	h, err := ReadHeader(f)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// history is what each sector of a disk may read as after a crash: a tag for
// each state since the last flush, the flushed one first. 0 is zeroes.
type history struct {
	tags [][]uint64
	next uint64
}

func newHistory(sectors int64) *history {
	h := &history{tags: make([][]uint64, sectors), next: 1}
	for i := range h.tags {
		h.tags[i] = []uint64{0}
	}
	return h
}

func (h *history) add(sector int64, tag uint64) { h.tags[sector] = append(h.tags[sector], tag) }

func (h *history) flushed() {
	for i, tags := range h.tags {
		h.tags[i] = append(tags[:0], tags[len(tags)-1])
	}
}

func fillSector(p []byte, tag uint64) {
	for i := 0; i < sector; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], tag)
	}
}

// holds checks that every sector of an image is in one of its states.
func (h *history) holds(f File, backing Backing) error {
	im, err := Open(f, Options{ReadOnly: true, Backing: backing})
	if err != nil {
		return err
	}
	p := make([]byte, im.Size())
	if err := im.Readv(vectors.Of(nil, p), 0); err != nil {
		return err
	}
	for s, tags := range h.tags[:min(len(h.tags), len(p)/sector)] {
		got := p[s*sector : (s+1)*sector]
		want := make([]byte, sector)
		ok := false
		for _, tag := range tags {
			fillSector(want, tag)
			ok = ok || bytes.Equal(got, want)
		}
		if !ok {
			return fmt.Errorf("sector %d is %x, want one of %x", s, got[:8], tags)
		}
	}
	return im.Close()
}

// noErrors checks an image's tables. Leaks are no error.
func noErrors(f File) (leaks int64, err error) {
	r, err := Check(f)
	if err == nil && r.Errors > 0 {
		err = fmt.Errorf("%d errors: %q", r.Errors, r.Messages)
	}
	if err != nil {
		return 0, err
	}
	return r.Leaks, nil
}

// crasher writes to an image and looks, at any moment, at what a crash would
// leave behind.
type crasher struct {
	t       *testing.T
	r       *rand.Rand
	f       *memFile
	im      *Image
	backing *memBacking
	history *history
	one     int // in so many
	killed  int
	leaks   int64
	failed  error
	unsure  bool // something failed since the last flush
}

// memBacking is a raw image in memory.
type memBacking struct{ *memFile }

func (b *memBacking) under() Backing {
	if b == nil {
		return nil
	}
	return b
}

func (c *crasher) look(bool) error {
	if c.failed != nil || c.r.IntN(c.one) > 0 {
		return nil
	}
	for what, p := range map[string][]byte{"kill": c.f.afterKill(), "power cut": c.f.afterPowerCut(c.r)} {
		f := newMemFile(p)
		leaks, err := noErrors(f)
		if err == nil {
			err = c.history.holds(f, c.backing.under())
		}
		if err != nil {
			c.failed = fmt.Errorf("after a %s: %w", what, err)
			return nil
		}
		if what == "kill" {
			c.leaks += leaks
			c.killed++
		}
	}
	return nil
}

func (c *crasher) step() error {
	sectors := int64(len(c.history.tags))
	n := 1 + c.r.Int64N(min(40, sectors))
	off := c.r.Int64N(sectors - n + 1)
	switch k := c.r.IntN(20); {
	case k < 11:
		p := make([]byte, n*sector)
		for i := range n {
			fillSector(p[i*sector:], c.history.next)
			c.history.add(off+i, c.history.next)
			c.history.next++
		}
		return c.im.Writev(vectors.Of(nil, p), off*sector)
	case k < 13:
		for i := range n {
			c.history.add(off+i, 0)
		}
		return c.im.WriteZeroes(off*sector, n*sector, k == 11)
	case k < 15:
		for i := range n {
			c.history.add(off+i, 0)
		}
		if err := c.im.Discard(off*sector, n*sector); err != nil {
			return err
		}
		return c.settle(off, n)
	case k < 18:
		if err := c.sure(); err != nil {
			return err
		}
		if err := c.im.Flush(); err != nil {
			return err
		}
		c.history.flushed()
	case k == 18 && sectors < 4000:
		err := c.im.Resize((sectors + c.r.Int64N(200) + 1) * sector)
		for range c.im.Size()/sector - sectors {
			c.history.tags = append(c.history.tags, []uint64{0})
		}
		return err
	case k == 19:
		if err := c.sure(); err != nil {
			return err
		}
		if err := c.im.Close(); err != nil {
			return err
		}
		c.history.flushed()
		return c.open()
	}
	return nil
}

// sure finds out what became of what failed.
func (c *crasher) sure() error {
	if !c.unsure {
		return nil
	}
	err := c.settle(0, int64(len(c.history.tags)))
	c.unsure = err != nil
	return err
}

// settle asks the disk what a discard has made of sectors.
func (c *crasher) settle(off, n int64) error {
	p := make([]byte, n*sector)
	if err := c.im.Readv(vectors.Of(nil, p), off*sector); err != nil {
		return err
	}
	for i := range n {
		c.history.add(off+i, binary.LittleEndian.Uint64(p[i*sector:]))
	}
	return nil
}

func (c *crasher) open() error {
	im, err := Open(c.f, Options{Backing: c.backing.under(), CommitInterval: -1, CacheBytes: 1 << 14})
	if err == nil {
		c.im = im
	}
	return err
}

func TestCrashesLeaveNoError(t *testing.T) {
	for _, c := range []struct {
		name        string
		clusterSize int64
		order       uint
		backing     bool
		one         int
	}{
		{"512", 512, 4, false, 12},
		{"512 with refcounts of 64 bits", 512, 6, false, 12},
		{"512 with refcounts of 1 bit", 512, 0, true, 12},
		{"4096", 4096, 4, false, 12},
		{"4096 over a backing file", 4096, 4, true, 12},
		{"65536 over a backing file", 65536, 4, true, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := random(t)
			const sectors = 1000
			k := &crasher{t: t, r: r, one: c.one, history: newHistory(sectors)}
			o := CreateOptions{Size: sectors * sector, ClusterSize: c.clusterSize}
			if c.backing {
				o.BackingFile, o.BackingFormat = "base", "raw"
			}
			k.f = emptyImage(t, o, c.order)
			if c.backing {
				p := make([]byte, 700*sector)
				for i := range int64(700) {
					fillSector(p[i*sector:], k.history.next)
					k.history.tags[i] = []uint64{k.history.next}
					k.history.next++
				}
				k.backing = &memBacking{newMemFile(p)}
			}
			if err := k.open(); err != nil {
				t.Fatal(err)
			}
			k.f.before = k.look
			for i := range 200 {
				if err := k.step(); err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				if k.failed != nil {
					t.Fatalf("step %d: %v", i, k.failed)
				}
			}
			if err := k.im.Close(); err != nil {
				t.Fatal(err)
			}
			if leaks, err := noErrors(k.f); err != nil || leaks > 0 {
				t.Errorf("after Close: %d leaks, %v", leaks, err)
			}
			t.Logf("%d kills left %d leaked clusters", k.killed, k.leaks)
		})
	}
}

// A write that the host fails leaves its sectors in either state, and the image
// whole.
func TestFailingHostLeavesNoError(t *testing.T) {
	for _, clusterSize := range []int64{512, 4096} {
		t.Run(fmt.Sprint(clusterSize), func(t *testing.T) {
			r := random(t)
			const sectors = 1000
			k := &crasher{t: t, r: r, one: 20, history: newHistory(sectors)}
			k.f = emptyImage(t, CreateOptions{Size: sectors * sector, ClusterSize: clusterSize}, 4)
			if err := k.open(); err != nil {
				t.Fatal(err)
			}
			failures := 0
			k.f.before = func(sync bool) error {
				if r.IntN(30) == 0 {
					failures++
					return unix.EIO
				}
				return k.look(sync)
			}
			for i := range 300 {
				// A Close that failed has lost what was not flushed.
				for k.im.closed {
					_ = k.open()
				}
				k.unsure = k.step() != nil || k.unsure
				if k.failed != nil {
					t.Fatalf("step %d, %d failures: %v", i, failures, k.failed)
				}
			}
			k.f.before = nil
			if err := k.im.Close(); err != nil {
				t.Fatal(err)
			}
			if _, err := noErrors(k.f); err != nil {
				t.Error(err)
			}
			if err := k.history.holds(k.f, nil); err != nil {
				t.Error(err)
			}
		})
	}
}
