package pages

import (
	"errors"
	"fmt"
	"iter"

	"github.com/hullvm/hull/mem"
)

// PageSize is the granule, in bytes.
const PageSize = mem.PageSize

// groupPages is how many pages that follow each other belong to one connection.
const groupPages = 256

const groupSize = groupPages * PageSize // bytes

// numbering is where the pages of a memory are, whose slots follow each other.
type numbering struct {
	slots []numbered
	pages uint64
}

type numbered struct {
	first, end uint64 // pages
	base       mem.Addr
}

func number(slots []mem.Slot) (*numbering, error) {
	var n numbering
	for i, s := range slots {
		if s.Size == 0 || s.Size%PageSize != 0 || s.Size > mem.MaxSize {
			return nil, fmt.Errorf("slot %d of %d bytes: want pages", i, s.Size)
		}
		first := n.pages
		if n.pages += s.Size / PageSize; n.pages > mem.MaxSize/PageSize {
			return nil, fmt.Errorf("%d pages: the most is %d", n.pages, uint64(mem.MaxSize/PageSize))
		}
		n.slots = append(n.slots, numbered{first, n.pages, s.Base})
	}
	if n.pages == 0 {
		return nil, errors.New("there is no memory")
	}
	return &n, nil
}

func (n *numbering) size() int64 { return int64(n.pages * PageSize) }

// parts gives the pages from first on that are in memory one after the other: the
// address of the first, and how many.
func (n *numbering) parts(first, count uint64) iter.Seq2[mem.Addr, uint64] {
	return func(yield func(mem.Addr, uint64) bool) {
		for i := range n.slots {
			s := &n.slots[i]
			from, to := max(first, s.first), min(first+count, s.end)
			if from < to && !yield(s.base+mem.Addr((from-s.first)*PageSize), to-from) {
				return
			}
		}
	}
}

// pageBits has a bit for each page. Several goroutines may use it at once where each has
// groups of its own: these are whole words.
type pageBits []uint64

func newPageBits(pages uint64) pageBits { return make(pageBits, (pages+63)/64) }

func (b pageBits) has(page uint64) bool { return b[page/64]>>(page%64)&1 != 0 }
func (b pageBits) set(page uint64)      { b[page/64] |= 1 << (page % 64) }
func (b pageBits) clear(page uint64)    { b[page/64] &^= 1 << (page % 64) }
