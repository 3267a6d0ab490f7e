package pci

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate"
)

var errInUse = errors.New("the device is in use")

// Load takes over registers and the device, and activates a device that was
// active, on queues that stand where they did. Guest memory is not looked at: what
// is in the rings is judged when they are used, as ever. It is as after Pause.
//
// The root complex is loaded before, so that a kernel which serves a queue is
// given the vector that the driver has enabled.
func (t *Transport) Load(in vmstate.In) error {
	t.control.Lock()
	defer t.control.Unlock()
	if err := t.load(in); err != nil {
		return t.errorf("load: %w", err)
	}
	return nil
}

func (t *Transport) load(in vmstate.In) error {
	k, err := t.keeper()
	if err != nil {
		return err
	}
	if t.active || t.closed {
		return errInUse
	}
	var s transportState
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	a, err := t.check(in, &s)
	if err != nil {
		return err
	}
	// The device is the first to change: it may refuse its part.
	if err := k.Load(in.At("device")); err != nil {
		return err
	}
	t.paused = true
	t.take(&s, a)
	if a == nil {
		return nil
	}
	if err := t.device.Activate(a); err != nil {
		t.ended()
		return fmt.Errorf("activate: %w", err)
	}
	t.active, t.held, t.cut = true, true, true
	t.lame = virtio.Status(s.Status)&virtio.StatusNeedsReset != 0
	return nil
}

// check says what is wrong with a state, and makes the activation that is to
// follow, nil for none.
func (t *Transport) check(in vmstate.In, s *transportState) (*virtio.Activation, error) {
	h := virtio.NewHandshake(t.offered())
	err := h.Restore(s.handshake())
	status := virtio.Status(s.Status)
	ready := status&virtio.StatusDriverOK != 0
	switch {
	case s.Device != uint16(t.device.ID()):
		return nil, in.Refuse("a device of type %d, here one of %d", s.Device, t.device.ID())
	case s.Offered&^t.offered() != 0:
		return nil, in.Refuse("features %#x were offered, and here %#x: %#x are missing", s.Offered, t.offered(), s.Offered&^t.offered())
	case err != nil:
		return nil, in.Refuse("%w", err)
	case s.Driver&^s.Offered != 0 && status&virtio.StatusFeaturesOK != 0:
		return nil, in.Refuse("features %#x were accepted, of %#x that were offered", s.Driver, s.Offered)
	case s.Active && !ready, !s.Active && ready && status&virtio.StatusNeedsReset == 0:
		return nil, in.Refuse("status %v of a device whose being active is %v", status, s.Active)
	case s.ISR&^(isrQueue|isrConfig) != 0:
		return nil, in.Refuse("ISR status is %#x", s.ISR)
	case !t.isVector(s.ConfigVector):
		return nil, in.Refuse("config_msix_vector is %#x", s.ConfigVector)
	case len(s.Queues) != len(t.queues):
		return nil, in.Refuse("a device of %d queues, here of %d", len(s.Queues), len(t.queues))
	}
	var a *virtio.Activation
	if s.Active {
		a = t.newActivation(h.Features())
		a.Held = true
	}
	for i := range s.Queues {
		if err := t.checkQueue(i, &s.Queues[i], a); err != nil {
			return nil, in.Refuse("queue %d: %w", i, err)
		}
	}
	return a, nil
}

// isVector reports whether the driver can have chosen this vector.
func (t *Transport) isVector(v uint16) bool {
	return v == noVector || t.msix != nil && int(v) < t.msix.Len()
}

// checkQueue says what is wrong with a queue's state, and makes the queue where it
// belongs to an activation.
func (t *Transport) checkQueue(i int, s *queueState, a *virtio.Activation) error {
	q := &t.queues[i]
	switch used := a != nil && s.Enabled; {
	case s.Size == 0 || s.Size > q.max:
		return fmt.Errorf("%d entries: want 1 to %d", s.Size, q.max)
	case !t.isVector(s.Vector):
		return fmt.Errorf("its vector is %#x", s.Vector)
	case used != (s.Position != nil):
		return fmt.Errorf("enabled %v, and where it stands is known %v", s.Enabled, s.Position != nil)
	case !used:
		return nil
	}
	made, err := t.newQueue(i, s.layout(), a.Features)
	if err != nil {
		return err
	}
	if err := made.Restore(s.Position.position()); err != nil {
		return err
	}
	made.Hold(true)
	a.Queues[i] = made
	return nil
}

// take makes the registers what they were. The device counts as running from here
// on, if it is to.
func (t *Transport) take(s *transportState, a *virtio.Activation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.handshake.Restore(s.handshake()) // was tried
	t.selects = selects{deviceFeature: s.DeviceFeatureSelect, driverFeature: s.DriverFeatureSelect, queue: s.QueueSelect}
	t.configVector.vector.Store(uint32(s.ConfigVector))
	t.generation.Store(uint32(s.Generation))
	for i, saved := range s.Queues {
		q, l := &t.queues[i], saved.layout()
		q.size, q.enabled = saved.Size, saved.Enabled
		q.desc, q.driver, q.device = l.Desc, l.Driver, l.Device
		q.interrupt.vector.Store(uint32(saved.Vector))
	}
	t.running = a
	// The function keeps by itself that it wants the interrupt.
	t.isrMu.Lock()
	defer t.isrMu.Unlock()
	t.isr.Store(uint32(s.ISR))
}

func (s *transportState) handshake() virtio.HandshakeState {
	return virtio.HandshakeState{Status: virtio.Status(s.Status), Driver: s.Driver, Beyond: s.Beyond}
}

func (s *queueState) layout() virtq.Layout {
	return virtq.Layout{Size: s.Size, Desc: mem.Addr(s.Desc), Driver: mem.Addr(s.Driver), Device: mem.Addr(s.Device)}
}
