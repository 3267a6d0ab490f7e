package vsock

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/eventfd"
	"github.com/hullvm/hull/mem"
)

// session is the device with one driver.
type session struct {
	device *Device
	poll   *poller
	waker  *eventfd.EventFD
	ended  chan struct{} // closed when the goroutine has ended

	mailMu sync.Mutex // guards what follows
	mail   []func()   // for the session's goroutine
	posted sync.Cond
	over   bool // nobody reads mail any more

	// The rest belongs to the session's goroutine.

	memory        *mem.Guest
	rx, tx, event *virtio.Queue // event may be nil
	broken        func(error)

	paused   bool // the queues are held
	stopped  bool // the queues are gone: broken, or deactivated
	quitting bool // the goroutine ends when nothing is left to be written
	blind    bool // the poller has failed, which none has been seen to do
	turns    int  // of the goroutine, since the beginning

	streams
	resets []header // RSTs for packets that belong to no connection

	receiver
	transmitter
	events
}

func newSession(d *Device, a *virtio.Activation) (s *session, err error) {
	s = &session{
		device: d,
		ended:  make(chan struct{}),
		memory: a.Memory,
		rx:     a.Queues[queueRX],
		tx:     a.Queues[queueTX],
		event:  a.Queues[queueEvent],
		broken: a.Broken,
		paused: a.Held,
		streams: streams{
			table:    make(map[key]*stream),
			budget:   newBudget(d.config.Memory, d.config.Connections),
			nextPort: firstHostPort + rand.Uint32N(hostPorts),
		},
	}
	s.posted.L = &s.mailMu
	if s.rx == nil || s.tx == nil {
		return nil, errNoQueue
	}
	if s.waker, err = eventfd.New(); err != nil {
		return nil, err
	}
	if s.poll, err = newPoller(); err != nil {
		_ = s.waker.Close()
		return nil, err
	}
	if err := s.watch(); err != nil {
		s.release()
		return nil, err
	}
	return s, nil
}

// watch puts what is not a stream into the poller.
func (s *session) watch() error {
	for slot, fd := range map[int32]int{slotWake: s.waker.FD(), slotRX: s.rx.KickFD(), slotTX: s.tx.KickFD()} {
		if err := s.poll.add(fd, tag{slot: slot}, unix.EPOLLIN); err != nil {
			return err
		}
	}
	if s.event == nil {
		return nil
	}
	return s.poll.add(s.event.KickFD(), tag{slot: slotEvent}, unix.EPOLLIN)
}

func (s *session) release() {
	s.poll.close()
	_ = s.waker.Close()
}

// run is the session's goroutine.
func (s *session) run() {
	defer close(s.ended)
	defer s.release()
	for {
		s.turns++
		for _, f := range s.takeMail() {
			f()
		}
		if s.quitting && s.count == 0 {
			s.finish()
			return
		}
		if err := s.turn(); err != nil {
			s.fail(err)
		}
		if s.blind {
			s.awaitMail()
		} else if err := s.sleep(); err != nil {
			s.blind = true
			s.fail(err)
			s.dropAll(errReset)
		}
	}
}

// turn does a bounded part of what there is to do with the queues.
func (s *session) turn() error {
	if !s.running() {
		return nil
	}
	if err := s.tellEvents(); err != nil {
		return fmt.Errorf("vsock: event queue: %w", err)
	}
	if err := s.transmit(); err != nil {
		return fmt.Errorf("vsock: tx queue: %w", err)
	}
	if err := s.deliver(); err != nil {
		return fmt.Errorf("vsock: rx queue: %w", err)
	}
	return nil
}

func (s *session) running() bool { return !s.paused && !s.stopped }

// busy reports whether another turn would do something.
func (s *session) busy() bool {
	return s.running() && (s.canTell() || s.canTransmit() || s.canDeliver())
}

// sleep waits for something to happen if there is nothing to do, and notes it.
func (s *session) sleep() error {
	look := s.poll.wait
	if s.busy() {
		look = s.poll.look
	}
	happened, err := look()
	for i := range happened {
		s.note(&happened[i])
	}
	return err
}

func (s *session) note(e *unix.EpollEvent) {
	switch t := (tag{e.Fd, e.Pad}); t.slot {
	case slotWake: // mail is looked at anyway
	case slotRX:
		s.rxEmpty = false
	case slotTX:
		s.txEmpty = false
	case slotEvent:
		s.eventEmpty = false
	default:
		if st := s.find(t); st != nil {
			s.noteSocket(st, e.Events)
		}
	}
}

func (s *session) pause() { s.paused = true }

func (s *session) resume() {
	s.paused = false
	// What was notified meanwhile may have been forgotten with another process.
	s.rxEmpty, s.txEmpty, s.eventEmpty = false, false, false
	s.restartDeadlines()
}

// fail stops using the queues for good.
func (s *session) fail(err error) {
	if s.stopped {
		return
	}
	s.detachAll(errReset)
	s.stopped = true
	s.broken(err)
}

// stop is the end of the driver.
func (s *session) stop() {
	s.detachAll(errReset)
	s.stopped, s.quitting = true, true
}

// abandon ends the goroutine of a session that was stopped, and waits for it.
func (s *session) abandon() {
	s.post(func() { s.dropAll(errReset) })
	<-s.ended
}
