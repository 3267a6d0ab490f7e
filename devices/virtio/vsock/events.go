package vsock

import (
	"encoding/binary"
	"fmt"

	"github.com/hullvm/hull/devices/virtio/virtq"
)

// events is what a session keeps of the event queue.
type events struct {
	eventChain virtq.Chain
	resetDue   bool // the driver is to be told of a transport reset
	eventEmpty bool // there was no buffer, and its kick will tell of more

	// held holds rx and tx: the driver was told of a transport reset and has not
	// given the buffers back. Until then it may take new connections for old ones
	// and end them, without a word to the host.
	held bool
}

// transportReset ends all connections, and has the driver told.
func (s *session) transportReset() {
	s.detachAll(errReset)
	s.resetDue = true
	s.eventEmpty = false
}

func (s *session) canTell() bool { return s.resetDue && s.event != nil && !s.eventEmpty }

// tellEvents uses all of the driver's buffers for one event: so the driver will
// notify when it is done with it and gives them back, whatever it negotiated. A
// driver that has no buffer yet is told when it has, and is not held meanwhile.
func (s *session) tellEvents() error {
	if !s.canTell() {
		return nil
	}
	for {
		ok, err := s.event.Next(&s.eventChain)
		if err != nil {
			return err
		}
		if ok {
			if err := s.tellReset(); err != nil {
				return err
			}
			s.held = true
			continue
		}
		more, err := s.event.KicksOn()
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	s.eventEmpty = true
	s.resetDue = !s.held
	s.event.Flush()
	return nil
}

func (s *session) tellReset() error {
	event := binary.LittleEndian.AppendUint32(nil, eventTransportReset)
	n, err := virtq.CopyTo(s.memory, event, s.eventChain.Writable, 0)
	if err != nil {
		return err
	}
	if n < eventSize {
		return fmt.Errorf("buffer of %d bytes: an event has %d", s.eventChain.WritableLen(), eventSize)
	}
	return s.event.Put(&s.eventChain, eventSize)
}
