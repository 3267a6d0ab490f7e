package console

import (
	"time"

	"github.com/hullvm/hull/devices/virtio/virtq"
)

// patience is how long a guest is kept waiting for an output that takes nothing.
const patience = time.Second

// output is what a session keeps of the queue transmitq. It is its worker's.
type output struct {
	txChain virtq.Chain
	scratch [4 << 10]byte
	stuck   bool // the output has taken nothing for so long that nobody waits
}

// transmit takes what the guest sends.
func (s *session) transmit() error {
	defer s.tx.Flush()
	for {
		if held, err := s.state(); held || err != nil {
			return err
		}
		ok, err := s.tx.Next(&s.txChain)
		if !ok || err != nil {
			return err
		}
		if err := s.send(); err != nil {
			return err
		}
		if err := s.tx.Put(&s.txChain, 0); err != nil {
			return err
		}
	}
}

// send hands the chain's bytes to the output, waiting for room. What it must not
// wait for is lost.
func (s *session) send() error {
	out := s.device.out
	total := s.txChain.ReadableLen()
	for at := uint64(0); at < total; {
		if held, _ := s.state(); held {
			return s.giveUp(at, total)
		}
		n, err := virtq.CopyFrom(s.a.Memory, s.scratch[:], s.txChain.Readable, at)
		if err != nil {
			return err
		}
		for p := s.scratch[:n]; len(p) > 0; {
			taken := out.Append(p)
			p = p[taken:]
			at += uint64(taken)
			if taken > 0 {
				s.stuck = false
			}
			if len(p) > 0 && !s.awaitRoom() {
				return s.giveUp(at, total)
			}
		}
	}
	return nil
}

// giveUp does without room for what follows byte at of the chain. Where that is for
// a pause, or for the end, as much of it is kept as can be.
func (s *session) giveUp(at, total uint64) error {
	out := s.device.out
	for at < total && !s.stuck {
		n, err := virtq.CopyFrom(s.a.Memory, s.scratch[:], s.txChain.Readable, at)
		if err != nil {
			return err
		}
		taken := out.Force(s.scratch[:n])
		if at += uint64(taken); taken < n {
			break
		}
	}
	out.Drop(total - at)
	return nil
}

// awaitRoom waits while the output is full, and reports false where it is not
// worth it any more. Guests that spin meanwhile see their interrupts first.
func (s *session) awaitRoom() bool {
	d := s.device
	if s.stuck {
		return !d.out.Full()
	}
	s.tx.Flush()
	expired := false
	timer := d.clock.AfterFunc(patience, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		expired = true
		d.changed.Broadcast()
	})
	defer timer.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.out.Full() && !s.held && !expired {
		d.changed.Wait()
	}
	s.stuck = expired
	return !s.held && !expired
}

// state reports whether the session is held, and the error after which its queues
// are not used.
func (s *session) state() (held bool, err error) {
	s.device.mu.Lock()
	defer s.device.mu.Unlock()
	return s.held, s.broken
}
