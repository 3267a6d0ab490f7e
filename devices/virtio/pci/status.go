package pci

import (
	"fmt"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
)

// writeStatus takes the driver's write to device_status (section 2.1). It
// returns when the device has done what follows from it.
func (t *Transport) writeStatus(v virtio.Status) {
	t.control.Lock()
	defer t.control.Unlock()
	if v&^virtio.StatusNeedsReset == 0 {
		t.reset()
		return
	}
	t.mu.Lock()
	step, err := t.handshake.WriteStatus(v)
	t.mu.Unlock()
	if err != nil {
		t.refused.Add(1)
		t.log.info("status refused", err)
	}
	if step == virtio.StepStart {
		t.start()
	}
}

// start activates the device. The caller holds control.
func (t *Transport) start() {
	if t.closed {
		return
	}
	a, err := t.activation()
	if err == nil {
		if err = t.device.Activate(a); err == nil {
			t.active, t.held = true, false
			t.hold()
			return
		}
	}
	t.broken(a, fmt.Errorf("activate: %w", err))
	t.ended()
}

// ended makes nothing of the functions of an activation any more.
func (t *Transport) ended() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running = nil
}

// activation is what the device is given. It counts as running from here on.
func (t *Transport) activation() (*virtio.Activation, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.newActivation(t.handshake.Features())
	t.running = a
	for i := range t.queues {
		q := &t.queues[i]
		if !q.enabled {
			continue
		}
		layout := virtq.Layout{Size: q.size, Desc: q.desc, Driver: q.driver, Device: q.device}
		var err error
		if a.Queues[i], err = t.newQueue(i, layout, a.Features); err != nil {
			return a, fmt.Errorf("queue %d: %w", i, err)
		}
	}
	return a, nil
}

// newActivation is one without queues.
func (t *Transport) newActivation(features uint64) *virtio.Activation {
	a := &virtio.Activation{Memory: t.memory, Features: features, Queues: make([]*virtio.Queue, len(t.queues))}
	a.ConfigChanged = func() { t.configChanged(a) }
	a.Broken = func(err error) { t.broken(a, err) }
	return a
}

// newQueue is a queue that lies where the driver says.
func (t *Transport) newQueue(i int, l virtq.Layout, features uint64) (*virtio.Queue, error) {
	return virtio.NewQueue(i, t.memory, l, virtio.RingOptions(features), t.kicks[i].event, &t.queues[i].interrupt)
}

// reset stops the device and puts every register back. The status reads as
// before until the device has stopped. The caller holds control.
func (t *Transport) reset() {
	t.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.selects = selects{}
	for i := range t.queues {
		t.queues[i].reset()
	}
	t.configVector.vector.Store(noVector)
	t.clearISR()
	t.handshake.Reset()
}

// stop deactivates the device, and forgets notifications that nobody took. The
// caller holds control.
func (t *Transport) stop() {
	if t.active {
		t.device.Deactivate()
		t.active, t.cut, t.lame = false, false, false
	}
	t.ended()
	for _, k := range t.kicks {
		_, _ = k.event.Take()
	}
}

// configChanged is Activation.ConfigChanged.
func (t *Transport) configChanged(a *virtio.Activation) {
	t.mu.Lock()
	ours := t.running == a
	if ours {
		t.generation.Add(1)
	}
	t.mu.Unlock()
	if ours {
		t.configVector.raise(isrConfig)
	}
}

// broken is Activation.Broken.
func (t *Transport) broken(a *virtio.Activation, err error) {
	t.mu.Lock()
	ours := t.running == a
	notify := ours && t.handshake.NeedsReset()
	t.mu.Unlock()
	if !notify {
		return
	}
	t.log.warn("device needs a reset", err)
	t.configVector.raise(isrConfig)
}
