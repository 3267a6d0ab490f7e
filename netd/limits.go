package netd

import (
	"context"
	"sync"
	"time"
)

// Limits of what a guest, or the clients of its published ports, can have at a
// time. Connections have descriptors: see Descriptors.
const (
	maxOpened    = 2048 // TCP connections that the guest opened
	maxPublished = 2048 // TCP connections to published ports
	maxStarting  = 256  // TCP connections that the guest is opening
	maxFlows     = 1024 // UDP flows that the guest began
	maxClients   = 1024 // UDP clients of published ports
	maxDNSConns  = 64   // TCP connections to the name server

	// queueLength is how many packets wait for a guest that does not take them;
	// more are lost, as with any network device.
	queueLength = 1024
)

// Descriptors is how many descriptors a network may need at a time: one for each
// connection and flow, and some for listeners, the socket and the resolver.
const Descriptors = maxOpened + maxPublished + maxFlows + maxDNSConns + 512

// Times that end what does not end by itself.
const (
	dialTime   = 30 * time.Second // for the guest, or a host, to answer
	lingerTime = 15 * time.Second // for the guest to take what was sent, and to close
	timeWait   = time.Second      // there is no second path for packets to be late on
	flowIdle   = 90 * time.Second // of a UDP flow
	dnsIdle    = 6 * time.Second  // of a query
	sweepEvery = 2 * time.Second  // how often idle flows are looked for
)

// Buffers of connections, in bytes. One connection of few has the most; of many,
// each has its share of all, so that the sum stays in the order of allBuffers
// whatever the guest does.
const (
	maxBuffer  = 1 << 20
	minBuffer  = 16 << 10
	allBuffers = 64 << 20
)

// slots are what there can be so many of at a time as the channel holds.
type slots chan struct{}

// take reports whether there may be one more, which release is the end of.
func (s slots) take() bool {
	select {
	case s <- struct{}{}:
		return true
	default:
		return false
	}
}

// wait takes a slot when there is one. It returns false where ctx ends first.
func (s slots) wait(ctx context.Context) bool {
	select {
	case s <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s slots) release() { <-s }

// group counts work that is under way, of which none begins after the end.
type group struct {
	mu    sync.Mutex
	ended bool
	work  sync.WaitGroup
}

// begin reports whether work may begin, which done is the end of.
func (g *group) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return false
	}
	g.work.Add(1)
	return true
}

func (g *group) done() { g.work.Done() }

// run does work in a goroutine of its own, if it may begin.
func (g *group) run(f func()) {
	if g.begin() {
		go func() {
			defer g.done()
			f()
		}()
	}
}

// end lets no more work begin, and wait waits for what has begun.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
}

func (g *group) wait() { g.work.Wait() }

// share is how large a connection's buffers are when there are so many.
func share(open int) int {
	return min(max(allBuffers/max(open, 1), minBuffer), maxBuffer)
}

// copySize is the size of the buffers that a connection's bytes pass through.
func copySize(share int) int { return min(max(share/16, 8<<10), 64<<10) }
