package console

import (
	"fmt"
	"io"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
)

// session is the console with one driver.
type session struct {
	device *Console
	a      *virtio.Activation
	rx, tx *virtio.Queue  // nil where the driver has not enabled them
	kicks  *virtio.Kicks  // of rx; nil without it
	worker *virtio.Worker // of tx; nil without it
	output                // the worker's

	// Guarded by device.mu.
	held    bool  // paused, or over: nobody waits for an output or for buffers
	broken  error // the queues are not used any more
	rxChain virtq.Chain
}

func (s *session) start() (err error) {
	if s.rx != nil {
		if s.kicks, err = virtio.NewKicks(s.rx); err != nil {
			return err
		}
	}
	if s.tx == nil {
		return nil
	}
	s.worker, err = virtio.StartWorker(s.tx, s.transmit, func(err error) { s.fail(fmt.Errorf("transmitq: %w", err)) })
	if err != nil && s.kicks != nil {
		_ = s.kicks.Close()
	}
	return err
}

// stop ends what start began. The device has no session any more.
func (s *session) stop() {
	if s.worker != nil {
		s.worker.Stop()
	}
	if s.kicks != nil {
		_ = s.kicks.Close()
	}
}

func (s *session) holdLocked() {
	s.held = true
	s.interrupt()
	s.device.changed.Broadcast()
}

func (s *session) releaseLocked() {
	s.held = false
	if s.kicks != nil && !s.device.closed {
		s.kicks.Rearm()
	}
	s.device.changed.Broadcast()
}

// interrupt ends a wait for the guest's buffers.
func (s *session) interrupt() {
	if s.kicks != nil {
		s.kicks.Interrupt()
	}
}

// fail is what the driver did that its queues cannot be used after.
func (s *session) fail(err error) {
	s.device.mu.Lock()
	first := s.broken == nil
	if first {
		s.broken = err
	}
	s.device.mu.Unlock()
	if first {
		s.a.Broken(fmt.Errorf("console %q: %w", s.device.name, err))
	}
}

// Write is the guest's input. It returns when the guest has taken all of p: so it
// blocks while the guest has no driver, offers no buffers or is paused. After Close
// it returns [devices.ErrClosed] and how many bytes were taken before. Several
// Writes follow each other whole.
func (d *Console) Write(p []byte) (int, error) {
	d.writers.Lock()
	defer d.writers.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = p
	d.giveLocked(&d.early)
	d.giveLocked(&d.waiting)
	n := len(p) - len(d.waiting)
	d.waiting = nil
	if n < len(p) || d.closed {
		return n, fmt.Errorf("console %q: write: %w", d.name, devices.ErrClosed)
	}
	return n, nil
}

// giveLocked hands input over until the guest has taken all of it, or Close.
func (d *Console) giveLocked(rest *[]byte) {
	for len(*rest) > 0 && !d.closed {
		s := d.session
		if s == nil || s.rx == nil || s.held || s.broken != nil {
			d.changed.Wait()
			continue
		}
		done, more, err := s.receiveLocked(*rest)
		*rest = (*rest)[done:]
		switch {
		case err != nil:
			d.mu.Unlock()
			s.fail(fmt.Errorf("receiveq: %w", err))
			d.mu.Lock()
		case done == 0 && !more:
			d.mu.Unlock()
			_ = s.kicks.Wait() // or an interruption, or the session's end
			d.mu.Lock()
		}
	}
}

// Input is the console as the writer of the guest's input.
func (d *Console) Input() io.Writer { return d }

// receiveLocked gives the guest as much of p as it has buffers for. more reports
// that another call may find some.
func (s *session) receiveLocked(p []byte) (n int, more bool, err error) {
	if err := s.rx.KicksOff(); err != nil {
		return 0, false, err
	}
	defer s.rx.Flush()
	for n < len(p) {
		ok, err := s.rx.Next(&s.rxChain)
		if err != nil {
			return n, false, err
		}
		if !ok {
			more, err := s.rx.KicksOn()
			return n, more, err
		}
		part, err := virtq.CopyTo(s.a.Memory, p[n:], s.rxChain.Writable, 0)
		if err != nil {
			return n, false, err
		}
		if part == 0 {
			return n, false, fmt.Errorf("buffer of %d bytes: no room", s.rxChain.WritableLen())
		}
		n += part
		if err := s.rx.Put(&s.rxChain, uint32(part)); err != nil {
			return n, false, err
		}
	}
	return n, true, nil
}
