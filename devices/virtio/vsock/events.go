package vsock

import (
	"encoding/binary"
	"fmt"

	"github.com/hullvm/hull/devices/virtio/virtq"
)

// events is what a session keeps of the event queue.
type events struct {
	eventChains [eventQueueSize]virtq.Chain
	resetDue    bool // the driver is to be told of a transport reset
	eventEmpty  bool // there is nothing new in it, and its kick will tell of more

	// held holds rx and tx: the driver was told of a transport reset and has not
	// given the buffer back. Until then it may take new connections for old ones
	// and end them, without a word to the host.
	held  bool
	given int // how many buffers there are when it has
}

// transportReset ends all connections, and has the driver told.
func (s *session) transportReset() {
	s.detachAll(errReset)
	s.resetDue = true
	s.eventEmpty = false
}

func (s *session) canTell() bool {
	return (s.resetDue || s.held) && s.event != nil && !s.eventEmpty
}

// tellEvents tells the driver of a reset, or finds out whether it has dealt with
// the last. A driver that has no buffer yet is told when it has, and is not held
// meanwhile.
func (s *session) tellEvents() error {
	if !s.canTell() {
		return nil
	}
	n, err := s.takeEventBuffers()
	if err != nil {
		return err
	}
	s.eventEmpty = true
	used := 0
	switch {
	case s.resetDue && n > 0:
		if err := s.tellReset(&s.eventChains[0]); err != nil {
			return err
		}
		// Where that took its time there are connections again, which the guest
		// ends now without a word.
		s.endConnected()
		if !s.held {
			s.given = n
		}
		used, s.resetDue, s.held = 1, false, true
	case s.held && n >= s.given:
		s.held = false
	}
	for i := n - 1; i >= used; i-- {
		s.event.Untake(&s.eventChains[i])
	}
	s.event.Flush()
	return nil
}

// takeEventBuffers takes all buffers that there are, and has the driver notify of
// the next.
func (s *session) takeEventBuffers() (n int, err error) {
	for {
		for n < len(s.eventChains) {
			ok, err := s.event.Next(&s.eventChains[n])
			if err != nil {
				return 0, err
			}
			if !ok {
				break
			}
			n++
		}
		more, err := s.event.KicksOn()
		if err != nil || !more || n == len(s.eventChains) {
			return n, err
		}
	}
}

func (s *session) tellReset(c *virtq.Chain) error {
	event := binary.LittleEndian.AppendUint32(nil, eventTransportReset)
	n, err := virtq.CopyTo(s.memory, event, c.Writable, 0)
	if err != nil {
		return err
	}
	if n < eventSize {
		return fmt.Errorf("buffer of %d bytes: an event has %d", c.WritableLen(), eventSize)
	}
	return s.event.Put(c, eventSize)
}
