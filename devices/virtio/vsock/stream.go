package vsock

import (
	"context"
	"sync/atomic"
)

// key is what tells a connection from others: the addresses are always the same.
type key struct{ host, guest uint32 }

// phase is where a connection stands.
//
//	dialing ──host answers──┐
//	                        ├──> open ──host gone──> closing ──RST or time──> (forgotten)
//	asking ──guest answers──┘     │
//	   └────── either fails, guest breaks rules or has shut down ──> dead ──RST sent──> (forgotten)
type phase uint8

const (
	dialing phase = iota // the guest asked; the host is being connected
	asking               // the host asked; the guest has not answered
	open
	closing // the host has nothing to do with it any more; the guest's RST is awaited
	dead    // a RST is owed, and nothing else
	gone    // not in the table any more; its backlog may still go out
)

// owed are packets that a stream is to send to the guest. There is at most one of
// each kind, so that what waits for the guest's buffers is bounded by the number
// of connections.
type owed uint8

const (
	owesRequest owed = 1 << iota
	owesResponse
	owesReset
	owesCreditRequest
	owesCreditUpdate
)

// stream is a connection. It belongs to the session's goroutine.
type stream struct {
	key
	tag   tag
	phase phase
	fd    int // the host's socket, -1 where there is none

	// To the guest.
	peerAlloc uint32 // the guest's window
	peerFwd   uint32 // bytes it has taken
	sent      uint32 // bytes sent to it, modulo 2^32 like the one above
	unread    int    // bytes that the socket is known to hold
	fresh     bool   // the socket may hold more than that
	hostEnds  bool   // nothing comes after what the socket holds
	inDone    bool   // nothing of the host's goes to the guest any more
	ready     bool   // it is in session.ready
	starved   bool   // it waits for credit
	requested bool   // CREDIT_REQUEST was sent, and credit has not changed since

	// From the guest.
	window    uint32 // what may be held
	received  uint32 // bytes that came, modulo 2^32 as the next ones
	forwarded uint32 // bytes that the host took
	told      uint32 // forwarded, as the guest was last told
	backlog   backlog
	outDone   bool // the host takes nothing any more
	outShut   bool // the host was told that nothing follows

	guestShut uint32 // what the guest will not do any more: flags of SHUTDOWN
	shut      uint32 // what the host will not
	shutTold  uint32 // of that, what the guest knows
	owes      owed
	inControl bool // it is in session.control
	asked     bool // REQUEST was sent

	cancel context.CancelFunc  // while dialing
	answer func(error)         // called once: while asking, what came of it
	greet  func(uint32) string // while asking, what the host is told first
	reset  *atomic.Bool        // set where a stream of the monitor's own ends by RST
}

// credit is how many bytes the guest has room for. What the guest says it took
// need not be what it was sent.
func (st *stream) credit() uint32 {
	inFlight := st.sent - st.peerFwd
	if inFlight >= st.peerAlloc {
		return 0
	}
	return st.peerAlloc - inFlight
}

// untaken is how many bytes of the guest's the host has not taken.
func (st *stream) untaken() uint32 { return st.received - st.forwarded }

// creditDue reports whether the guest should hear of what the host took. A
// quarter of the window leaves it three to go on with.
func (st *stream) creditDue() bool { return st.forwarded-st.told >= st.window/4 }

// owesAny reports whether there is anything to tell the guest.
func (st *stream) owesAny() bool { return st.owes != 0 || st.shut&^st.shutTold != 0 }

// conclude tells who asked for the connection what came of it.
func (st *stream) conclude(err error) {
	if st.answer != nil {
		st.answer(err)
		st.answer = nil
	}
}

// markReset notes that the guest went away without having said that nothing
// follows.
func (st *stream) markReset() {
	if st.reset != nil && st.guestShut&shutSend == 0 {
		st.reset.Store(true)
	}
}
