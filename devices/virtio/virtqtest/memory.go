package virtqtest

import (
	"fmt"
	"math/bits"
	"sync"
	"testing"

	"github.com/hullvm/hull/mem"
)

// DefaultMemory is how much RAM a driver's memory has that is not told, in bytes.
const DefaultMemory = 16 << 20

// firstAddr is where allocation begins: address 0 is kept free, so that a zero
// that was meant to be an address is found out.
const firstAddr = mem.PageSize

// Memory is guest memory from which drivers allocate. Any number of drivers may
// share one, from any goroutine.
type Memory struct {
	*mem.Guest

	mu   sync.Mutex // guards what follows
	next mem.Addr
	free map[uint64][]mem.Addr // by size, a power of 2
}

// NewMemory makes guest memory of size bytes, which is closed when t ends.
func NewMemory(t testing.TB, size uint64) *Memory {
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
	return WrapMemory(g)
}

// WrapMemory allocates from guest memory that the caller made and closes. The
// first page of it and all above belong to the drivers.
func WrapMemory(g *mem.Guest) *Memory {
	return &Memory{Guest: g, next: firstAddr, free: make(map[uint64][]mem.Addr)}
}

// Alloc gives n bytes, at a multiple of the power of 2 that holds them, or of a
// page where that is less. It panics where memory is used up.
func (m *Memory) Alloc(n uint64) mem.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	size := class(n)
	if free := m.free[size]; len(free) > 0 {
		m.free[size] = free[:len(free)-1]
		return free[len(free)-1]
	}
	align := mem.Addr(min(size, mem.PageSize))
	at := (m.next + align - 1) &^ (align - 1)
	if !m.Contains(at, size) {
		panic(fmt.Sprintf("virtqtest: %d bytes at %#x: the guest's memory is used up", size, uint64(at)))
	}
	m.next = at + mem.Addr(size)
	return at
}

// Free takes back what Alloc gave for n bytes.
func (m *Memory) Free(at mem.Addr, n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free[class(n)] = append(m.free[class(n)], at)
}

// class is the size of the block that n bytes are given.
func class(n uint64) uint64 { return 1 << bits.Len64(max(n, 16)-1) }
