package vsock

import (
	"fmt"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// txBudget is the most packets of the guest's that are taken in a turn.
const txBudget = 64

// maxResets is how many RSTs may wait for the guest's buffers before no more of
// its packets are taken (section 5.10.6.1: the additional resources are finite).
// All other answers are bounded by the number of connections.
const maxResets = 256

// transmitter is what a session keeps of the queue tx.
type transmitter struct {
	txChain  virtq.Chain
	txRanges []mem.Range
	txEmpty  bool // there was nothing in it, and its kick will tell of more
	txQuiet  bool // the driver was asked not to notify
	parts    [][]byte
}

func (s *session) canTransmit() bool {
	return !s.txEmpty && !s.held && len(s.resets) < maxResets
}

// transmit takes packets of the guest's.
func (s *session) transmit() error {
	for n := 0; n < txBudget && s.canTransmit(); n++ {
		ok, err := s.nextPacket()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := s.packet(&s.txChain); err != nil {
			return err
		}
		if err := s.tx.Put(&s.txChain, 0); err != nil {
			return err
		}
	}
	s.tx.Flush()
	return nil
}

func (s *session) nextPacket() (bool, error) {
	for {
		if !s.txQuiet {
			if err := s.tx.KicksOff(); err != nil {
				return false, err
			}
			s.txQuiet = true
		}
		if ok, err := s.tx.Next(&s.txChain); ok || err != nil {
			return ok, err
		}
		s.txQuiet = false
		more, err := s.tx.KicksOn()
		if !more || err != nil {
			s.txEmpty = true
			return false, err
		}
	}
}

// packet takes one packet. An error is one that the queue is of no use after.
func (s *session) packet(c *virtq.Chain) error {
	var b [headerSize]byte
	n, err := virtq.CopyFrom(s.memory, b[:], c.Readable, 0)
	if err != nil {
		return err
	}
	if n < headerSize {
		return fmt.Errorf("packet of %d bytes: a header has %d", n, headerSize)
	}
	h := parseHeader(&b)
	if h.srcCID != s.device.config.CID || h.dstCID != HostCID {
		s.device.stats.dropped.Add(1)
		return nil
	}
	st := s.table[key{host: h.dstPort, guest: h.srcPort}]
	switch {
	case h.typ != typeStream:
		s.refuse(&h) // section 5.10.6.4
	case st == nil && h.op == opRequest:
		s.request(&h)
	case st == nil:
		s.refuse(&h)
	case uint64(h.len) > c.ReadableLen()-headerSize:
		s.device.stats.dropped.Add(1)
		s.abort(st, errReset) // some of its bytes are missing
	default:
		return s.dispatch(st, &h, c)
	}
	return nil
}

// refuse answers a packet with RST. A RST has no answer.
func (s *session) refuse(h *header) {
	if h.op == opRst {
		return
	}
	s.device.stats.refused.Add(1)
	s.resets = append(s.resets, h.reset())
}

// dispatch takes a packet of a connection.
func (s *session) dispatch(st *stream, h *header, c *virtq.Chain) error {
	if h.op == opRst {
		s.guestReset(st)
		return nil
	}
	switch st.phase {
	case dead:
		return nil // its RST is on the way
	case closing:
		switch h.op {
		case opRequest:
			// The guest has forgotten the old one.
			s.forget(st, errReset)
			s.request(h)
		case opShutdown:
			st.guestShut |= h.flags & shutBoth
			s.flushed(st)
		}
		return nil // it has not heard yet that nobody listens
	case dialing:
		if h.op == opShutdown || h.op == opCreditUpdate {
			s.update(st, h)
			st.guestShut |= h.flags & shutBoth
			if h.op == opShutdown && st.guestShut == shutBoth {
				s.bury(st)
			}
			return nil
		}
	case asking:
		if h.op == opResponse && st.asked {
			s.update(st, h)
			s.established(st)
			return nil
		}
	case open:
		s.update(st, h)
		switch h.op {
		case opRW:
			return s.data(st, h.len, c)
		case opShutdown:
			s.guestShutdown(st, h.flags&shutBoth)
			return nil
		case opCreditUpdate:
			return nil
		case opCreditRequest:
			st.owes |= owesCreditUpdate
			s.wantControl(st)
			return nil
		}
	}
	s.device.stats.refused.Add(1)
	s.abort(st, errReset)
	return nil
}

// update takes what every packet says of the guest's room.
func (s *session) update(st *stream, h *header) {
	before := st.credit()
	st.peerAlloc, st.peerFwd = h.bufAlloc, h.fwdCnt
	now := st.credit()
	if now != before {
		st.requested = false
	}
	if st.starved && now > 0 {
		st.starved = false
		s.wantInput(st)
	}
}

// guestReset is a RST of the guest's. What it sent before goes out yet.
func (s *session) guestReset(st *stream) {
	if st.phase == asking {
		s.forget(st, errRefused)
		return
	}
	st.markReset()
	s.detach(st, errReset)
}

func (s *session) guestShutdown(st *stream, flags uint32) {
	st.guestShut |= flags
	if flags&shutReceive != 0 {
		s.endInput(st)
	}
	s.flushed(st)
}
