package vsock

import (
	"fmt"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
)

// What a turn gives the guest at the most: control packets, connections with data,
// and of each of those bytes and buffers. The last two are what one connection
// takes before the next has its turn.
const (
	controlBudget = 64
	dataBudget    = 16
	quantum       = 64 << 10
	maxBuffers    = 64
)

// receiver is what a session keeps of the queue rx.
type receiver struct {
	control fifo // connections that owe the guest a packet
	ready   fifo // connections whose host may have sent something

	rxChains [maxBuffers]virtq.Chain
	rxRanges []mem.Range
	rxPart   []mem.Range
	rxEmpty  bool // there was no buffer, and its kick will tell of more
	rxQuiet  bool // the driver was asked not to notify
}

func (s *session) canDeliver() bool {
	return !s.rxEmpty && !s.held && (len(s.resets) > 0 || s.control.len() > 0 || s.ready.len() > 0)
}

// deliver gives the guest what there is for it. Data comes last, so that nothing
// that was owed before is overtaken by it.
func (s *session) deliver() (err error) {
	for n := 0; n < controlBudget && err == nil && s.canDeliver(); n++ {
		switch {
		case len(s.resets) > 0:
			err = s.deliverReset()
		case s.control.len() > 0:
			err = s.deliverControl()
		default:
			n += controlBudget/dataBudget - 1
			err = s.deliverData()
		}
	}
	s.rx.Flush()
	return err
}

// nextBuffer takes a buffer of the guest's.
func (s *session) nextBuffer(c *virtq.Chain) (bool, error) {
	for {
		if !s.rxQuiet {
			if err := s.rx.KicksOff(); err != nil {
				return false, err
			}
			s.rxQuiet = true
		}
		ok, err := s.rx.Next(c)
		if err != nil {
			return false, err
		}
		if ok {
			if n := c.WritableLen(); n <= headerSize {
				return false, fmt.Errorf("buffer of %d bytes: no room for a header and data", n)
			}
			return true, nil
		}
		s.rxQuiet = false
		more, err := s.rx.KicksOn()
		if !more || err != nil {
			s.rxEmpty = true
			return false, err
		}
	}
}

// put gives a buffer back with a header and n bytes that are in it already.
func (s *session) put(c *virtq.Chain, h header, n uint32) error {
	h.len = n
	b := h.encode()
	if _, err := virtq.CopyTo(s.memory, b[:], c.Writable, 0); err != nil {
		return err
	}
	return s.rx.Put(c, headerSize+n)
}

func (s *session) deliverReset() error {
	c := &s.rxChains[0]
	ok, err := s.nextBuffer(c)
	if !ok || err != nil {
		return err
	}
	h := s.resets[0]
	if s.resets = s.resets[1:]; len(s.resets) == 0 {
		s.resets = nil
	}
	return s.put(c, h, 0)
}

// wantControl lines a connection up that owes the guest something.
func (s *session) wantControl(st *stream) {
	if !st.inControl && st.phase != gone && st.owesAny() {
		st.inControl = true
		s.control.push(st)
	}
}

// deliverControl sends one packet that the connection in front owes.
func (s *session) deliverControl() error {
	st := s.control.peek()
	if !st.owesAny() {
		st.inControl = false
		s.control.pop()
		return nil
	}
	c := &s.rxChains[0]
	ok, err := s.nextBuffer(c)
	if !ok || err != nil {
		return err
	}
	s.control.pop()
	st.inControl = false
	if err := s.put(c, s.owed(st), 0); err != nil {
		return err
	}
	s.wantControl(st)
	return nil
}

// owed is the next packet that a connection owes, which it does no more.
func (s *session) owed(st *stream) header {
	h := s.header(st)
	switch {
	case st.owes&owesReset != 0:
		h.op = opRst
		s.forget(st, nil)
	case st.owes&owesRequest != 0:
		h.op = opRequest
		st.owes &^= owesRequest
		st.asked = true
	case st.owes&owesResponse != 0:
		h.op = opResponse
		st.owes &^= owesResponse
	case st.shut&^st.shutTold != 0:
		h.op, h.flags = opShutdown, st.shut
		if st.shutTold = st.shut; st.phase == closing {
			s.awaitReset(st)
		}
	case st.owes&owesCreditRequest != 0:
		h.op = opCreditRequest
		st.owes &^= owesCreditRequest
	default:
		h.op = opCreditUpdate
	}
	st.owes &^= owesCreditUpdate // every packet is one
	return h
}

// header begins a packet of a connection.
func (s *session) header(st *stream) header {
	st.told = st.forwarded
	return header{
		srcCID:   HostCID,
		dstCID:   s.device.config.CID,
		srcPort:  st.host,
		dstPort:  st.guest,
		typ:      typeStream,
		bufAlloc: st.window,
		fwdCnt:   st.forwarded,
	}
}
