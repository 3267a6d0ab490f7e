package fsd

import (
	"sync"

	"github.com/hullvm/hull/internal/fswire"
)

// buffer is memory for a request or a reply.
type buffer struct {
	b    []byte // as long as was asked for
	pool *sync.Pool
}

// classes are the sizes that buffers come in, in bytes: what has to do with
// names, reads and writes of a few pages, and the largest.
var classes = []struct {
	size int
	pool *sync.Pool
}{
	{8 << 10, new(sync.Pool)},
	{136 << 10, new(sync.Pool)},
	{fswire.HeaderSize + max(fswire.MaxRequest, fswire.MaxReply), new(sync.Pool)},
}

// getBuffer gives n bytes, at most those of the largest class, of any content.
func getBuffer(n int) *buffer {
	for _, c := range classes {
		if n > c.size {
			continue
		}
		b, ok := c.pool.Get().(*buffer)
		if !ok {
			b = &buffer{b: make([]byte, c.size), pool: c.pool}
		}
		b.b = b.b[:n]
		return b
	}
	return &buffer{b: make([]byte, n)}
}

func putBuffer(b *buffer) {
	if b.pool != nil {
		b.pool.Put(b)
	}
}
