package pages

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/snapshot/memfile"
)

// guestOf is memory that is closed with the test.
func guestOf(t testing.TB, size uint64) *mem.Guest {
	t.Helper()
	g, err := mem.New(mem.Options{Size: size, Overcommit: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func pagemap(t testing.TB) *os.File {
	t.Helper()
	f, err := memfile.OpenPagemap()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// slots is memory of several slots that do not follow each other, the slow and obvious
// way: a slice each.
type slots struct {
	list  []mem.Slot
	mu    sync.Mutex
	bytes [][]byte
}

// slotsOf makes slots of so many pages, with holes between them.
func slotsOf(pages ...uint64) *slots {
	s := &slots{}
	base := mem.Addr(0x7000)
	for i, n := range pages {
		s.list = append(s.list, mem.Slot{ID: i, Base: base, Size: n * PageSize, FD: -1})
		s.bytes = append(s.bytes, make([]byte, n*PageSize))
		base += mem.Addr((n + 3) * PageSize)
	}
	return s
}

func (s *slots) Slots() []mem.Slot     { return s.list }
func (s *slots) Replaced(int) []uint64 { return nil }
func (s *slots) size() (n int64) {
	for _, b := range s.bytes {
		n += int64(len(b))
	}
	return n
}

// at is the n bytes at a, which are in one slot.
func (s *slots) at(a mem.Addr, n int) ([]byte, error) {
	for i, slot := range s.list {
		if a >= slot.Base && uint64(a-slot.Base) <= slot.Size && uint64(n) <= slot.Size-uint64(a-slot.Base) {
			return s.bytes[i][a-slot.Base:][:n], nil
		}
	}
	return nil, errors.New("no memory there")
}

func (s *slots) ReadAt(p []byte, a mem.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.at(a, len(p))
	copy(p, b)
	return err
}

func (s *slots) WriteAt(p []byte, a mem.Addr) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.at(a, len(p))
	copy(b, p)
	return err
}

func (s *slots) Zero(a mem.Addr, n uint64) error { return s.WriteAt(make([]byte, n), a) }

// page is the page with a number, by counting.
func (s *slots) page(n uint64) []byte {
	for _, b := range s.bytes {
		if pages := uint64(len(b)) / PageSize; n < pages {
			return b[n*PageSize:][:PageSize]
		} else {
			n -= pages
		}
	}
	return nil
}

func wantSame(t *testing.T, got, want *slots) {
	t.Helper()
	got.mu.Lock() // the race detector does not see that a socket orders what its ends do
	defer got.mu.Unlock()
	for i := range want.bytes {
		if bytes.Equal(got.bytes[i], want.bytes[i]) {
			continue
		}
		for off := 0; ; off += PageSize {
			if !bytes.Equal(got.bytes[i][off:off+PageSize], want.bytes[i][off:off+PageSize]) {
				t.Fatalf("slot %d: page %d differs", i, off/PageSize)
			}
		}
	}
}

// socketPairs are connections between two ends in this process.
func socketPairs(t testing.TB, n int) (a, b []net.Conn) {
	t.Helper()
	for range n {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		var ends [2]net.Conn
		for i, fd := range fds {
			f := os.NewFile(uintptr(fd), "socketpair")
			c, err := net.FileConn(f)
			_ = f.Close()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			ends[i] = c
		}
		a, b = append(a, ends[0]), append(b, ends[1])
	}
	return a, b
}

// move is a sender and a receiver that are connected.
type move struct {
	s   *Sender
	r   *Receiver
	ran chan error
}

func moveOf(t testing.TB, src Memory, dst Target, n int, o Options) *move {
	t.Helper()
	a, b := socketPairs(t, n)
	s, err := NewSender(src, a, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	r, err := NewReceiver(dst, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	m := &move{s: s, r: r, ran: make(chan error, 1)}
	go func() { m.ran <- r.Run(context.Background()) }()
	return m
}

func (m *move) pass(t testing.TB, epoch uint32, set *memfile.PageSet) Pass {
	t.Helper()
	p, err := m.s.Pass(t.Context(), epoch, set)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.r.Wait(t.Context(), epoch); err != nil {
		t.Fatal(err)
	}
	return p
}

// setOf is a set of pages, by number.
func setOf(t testing.TB, size int64, pages ...uint64) *memfile.PageSet {
	t.Helper()
	set, err := memfile.NewPageSet(size)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages {
		if err := set.Add(memfile.Extent{Offset: int64(p) * PageSize, Size: PageSize}); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

// fill makes a page one of several kinds: zero, random, or such as compresses.
func fill(r *rand.Rand, b []byte) {
	clear(b)
	switch r.IntN(4) {
	case 0:
	case 1:
		b[r.IntN(len(b))] = 1
	case 2:
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	default:
		for i := range b {
			b[i] = "the quick brown fox "[i%20] + byte(i/1000)
		}
	}
}
