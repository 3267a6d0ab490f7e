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
	if v == 0 {
		t.reset()
		return
	}
	if t.advance(v) {
		t.start()
	}
}

// advance sets the status, and reports whether the device is to start.
func (t *Transport) advance(v virtio.Status) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, ok := t.status.Next(v)
	added := next &^ t.status
	if ok && added&virtio.StatusFeaturesOK != 0 && !t.featuresGoodLocked() {
		// Section 3.1.1, step 6: the driver reads it back to find out.
		next &^= virtio.StatusFeaturesOK | virtio.StatusDriverOK
		ok = false
	}
	if !ok {
		t.refused.Add(1)
	}
	t.status = next
	return next&added&virtio.StatusDriverOK != 0
}

// start activates the device. The caller holds control.
func (t *Transport) start() {
	if t.closed {
		return
	}
	a, err := t.activation()
	if err == nil {
		if err = t.device.Activate(a); err == nil {
			t.active = true
			if t.paused {
				t.device.Pause()
			}
			return
		}
	}
	t.broken(a, fmt.Errorf("activate: %w", err))
}

// activation is what the device is given. It counts as running from here on.
func (t *Transport) activation() (*virtio.Activation, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := &virtio.Activation{Memory: t.memory, Features: t.features, Queues: make([]*virtio.Queue, len(t.queues))}
	a.ConfigChanged = func() { t.configChanged(a) }
	a.Broken = func(err error) { t.broken(a, err) }
	t.running = a
	options := virtq.Options{
		Packed:     a.Has(virtio.FeatureRingPacked),
		EventIndex: a.Has(virtio.FeatureEventIdx),
		Indirect:   a.Has(virtio.FeatureIndirectDesc),
		InOrder:    a.Has(virtio.FeatureInOrder),
	}
	for i := range t.queues {
		q := &t.queues[i]
		if !q.enabled {
			continue
		}
		layout := virtq.Layout{Size: q.size, Desc: q.desc, Driver: q.driver, Device: q.device}
		var err error
		if a.Queues[i], err = virtio.NewQueue(i, t.memory, layout, options, t.kicks[i].event, &q.interrupt); err != nil {
			return a, fmt.Errorf("queue %d: %w", i, err)
		}
	}
	return a, nil
}

// reset stops the device and puts every register back. The status reads as
// before until the device has stopped. The caller holds control.
func (t *Transport) reset() {
	t.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.features, t.selects = 0, selects{}
	for i := range t.queues {
		t.queues[i].reset()
	}
	t.configVector.vector.Store(noVector)
	t.clearISR()
	t.status = 0
}

// stop deactivates the device, and forgets notifications that nobody took. The
// caller holds control.
func (t *Transport) stop() {
	if t.active {
		t.device.Deactivate()
		t.active = false
	}
	t.mu.Lock()
	t.running = nil
	t.mu.Unlock()
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
	told := t.status&virtio.StatusNeedsReset != 0
	if ours {
		t.status |= virtio.StatusNeedsReset
	}
	t.mu.Unlock()
	if !ours || told {
		return
	}
	t.log.warn("device needs a reset", err)
	t.configVector.raise(isrConfig)
}
