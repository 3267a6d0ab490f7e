package guestload

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"sync"
)

// chain is a computation whose every step needs the one before: SHA-256 of the last
// digest and of a number that grows chaotic in floating point.
type chain struct {
	mu     sync.Mutex
	seed   uint64
	n      int64
	x      float64
	digest [sha256.Size]byte
}

// Link is a place in a chain.
type Link struct {
	Seed   uint64
	N      int64
	Digest string
}

func newChain(seed uint64) *chain {
	return &chain{seed: seed, x: 0.1 + float64(seed%1000)/2000}
}

func (c *chain) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.x = float64(3.9999*c.x) * (1 - c.x)
	var b [sha256.Size + 8]byte
	copy(b[:], c.digest[:])
	binary.LittleEndian.PutUint64(b[sha256.Size:], math.Float64bits(c.x))
	c.digest = sha256.Sum256(b[:])
	c.n++
}

func (c *chain) at() Link {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Link{Seed: c.seed, N: c.n, Digest: hex.EncodeToString(c.digest[:])}
}

// compute has a processor compute.
func (l *load) compute(seed uint64, cpu int) {
	c := newChain(seed*100 + uint64(cpu))
	l.chains = append(l.chains, c)
	go func() {
		runtime.LockOSThread()
		l.note(pin(cpu))
		l.work(fmt.Sprintf("compute %d", cpu), func() error {
			for range 20 {
				c.step()
			}
			return nil
		})
	}()
}

// Answers are the links of all chains that were asked for, as the host computes them.
// A guest's answers come in any order, and mostly grow.
type Answers map[uint64]*answered

type answered struct{ marks []*chain } // one every so many steps

const markEvery = 400

// Check holds a link against the host's.
func (a Answers) Check(l Link) error {
	one := a[l.Seed]
	if one == nil {
		one = &answered{marks: []*chain{newChain(l.Seed)}}
		a[l.Seed] = one
	}
	for int64(len(one.marks))*markEvery <= l.N {
		next := one.marks[len(one.marks)-1].copied()
		for range markEvery {
			next.step()
		}
		one.marks = append(one.marks, next)
	}
	c := one.marks[l.N/markEvery].copied()
	for c.n < l.N {
		c.step()
	}
	if want := c.at(); want != l {
		return fmt.Errorf("after %d steps a computation is at %s, not %s", l.N, l.Digest, want.Digest)
	}
	return nil
}

func (c *chain) copied() *chain {
	return &chain{seed: c.seed, n: c.n, x: c.x, digest: c.digest}
}
