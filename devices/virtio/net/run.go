package net

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/devices/virtio"
)

// run is an activation of a card, with what serves the queues.
//
//	stopped ──start──> running ──stop──> stopped
//
// A pause stops it, and so does whatever changes who serves which queue.
type run struct {
	a      *virtio.Activation
	pairs  []pair // those that can be served
	paused bool
}

// pair are two queues and what serves them.
type pair struct {
	index    int
	rx, tx   *virtio.Queue
	user     *user // nil where the monitor does not serve them
	inKernel bool  // vhost-net serves them
}

// user is what the monitor serves a pair with.
type user struct {
	gate     *gate
	receiver *receiver
	sender   *transmitter
	rx, tx   *virtio.Worker
}

// newRun sorts out the queues of an activation.
func (d *Device) newRun(a *virtio.Activation) *run {
	r := &run{a: a, paused: a.Held}
	count := 1
	if a.Has(FeatureMQ) {
		count = d.pairCount
	}
	for i := range count {
		// A pair of which the driver has not enabled both is not served, nor one
		// behind it.
		rx, tx := a.Queues[2*i], a.Queues[2*i+1]
		if rx == nil || tx == nil {
			break
		}
		r.pairs = append(r.pairs, pair{index: i, rx: rx, tx: tx})
	}
	return r
}

// controlQueue is the control queue of an activation, nil where there is none.
// Its place depends on what was negotiated (section 5.1.2).
func (d *Device) controlQueue(a *virtio.Activation) *virtio.Queue {
	switch {
	case !a.Has(FeatureCtrlVQ):
		return nil
	case a.Has(FeatureMQ):
		return a.Queues[2*d.pairCount]
	}
	return a.Queues[2]
}

// startLocked lets the pairs that the driver wants be served, and no others.
func (d *Device) startLocked() error {
	r := d.run
	n := min(d.wanted, len(r.pairs))
	if r.paused {
		n = 0
	}
	var err error
	for i := len(r.pairs) - 1; i >= n; i-- {
		d.stopPair(&r.pairs[i])
	}
	if n > 0 {
		err = d.backend.SetPairs(n)
	}
	for i := 0; i < n && err == nil; i++ {
		err = d.startPair(&r.pairs[i])
	}
	if err != nil {
		for i := range r.pairs {
			d.stopPair(&r.pairs[i])
		}
	}
	return err
}

// startPair lets a pair be served, which may be so already.
func (d *Device) startPair(p *pair) error {
	if p.user != nil || p.inKernel {
		return nil
	}
	if served, err := d.vhostStartLocked(p); served || err != nil {
		return err
	}
	u, err := d.newUser(p)
	if err != nil {
		return fmt.Errorf("pair %d: %w", p.index, err)
	}
	p.user = u
	return nil
}

func (d *Device) newUser(p *pair) (*user, error) {
	a := d.run.a
	g, err := newGate(d.ports[p.index])
	if err != nil {
		return nil, err
	}
	u := &user{
		gate:     g,
		receiver: newReceiver(d, a, p.rx, d.ports[p.index], g, &d.rx[p.index]),
		sender:   newTransmitter(d, a, p.tx, d.ports[p.index], g, &d.tx[p.index]),
	}
	if u.rx, err = virtio.StartWorker(p.rx, u.receiver.serve, a.Broken); err == nil {
		u.tx, err = virtio.StartWorker(p.tx, u.sender.serve, a.Broken)
	}
	if err != nil {
		u.stop()
		return nil, err
	}
	// The queues of a device that was held are so marked still.
	u.rx.Resume()
	u.tx.Resume()
	return u, nil
}

// stopPair ends what serves a pair. What was taken from the queues and not used
// is put back.
func (d *Device) stopPair(p *pair) {
	if p.inKernel {
		d.vhostStop(p)
	}
	if p.user != nil {
		p.user.stop()
		p.user = nil
	}
}

func (u *user) stop() {
	u.gate.shut()
	for _, w := range []*virtio.Worker{u.rx, u.tx} {
		if w != nil {
			w.Stop()
		}
	}
	u.receiver.release()
	u.sender.release()
	u.gate.close()
}

// Activate implements [virtio.Device].
func (d *Device) Activate(a *virtio.Activation) error {
	if err := d.activate(a); err != nil {
		return fmt.Errorf("net %q: %w", d.name, err)
	}
	return nil
}

func (d *Device) activate(a *virtio.Activation) error {
	offloads, err := d.firstOffloads(a)
	if err == nil {
		err = d.setOffloads(offloads)
	}
	d.mu.Lock()
	if err != nil {
		d.forget()
		d.mu.Unlock()
		return err
	}
	d.run = d.newRun(a)
	err = d.startLocked()
	d.mu.Unlock()
	if q := d.controlQueue(a); q != nil && err == nil {
		err = d.startControl(a, q)
	}
	if err != nil {
		d.end()
		return err
	}
	d.signal.Lock()
	d.active = a
	d.signal.Unlock()
	return nil
}

// firstOffloads are the guest's offloads that an activation begins with: all that
// were negotiated, or those of the driver that was loaded.
func (d *Device) firstOffloads(a *virtio.Activation) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loaded == nil {
		return a.Features, nil
	}
	if own := a.Features & d.features; own != *d.loaded {
		return 0, fmt.Errorf("features %#x: the driver that was loaded has negotiated %#x", own, *d.loaded)
	}
	d.loaded = nil
	return d.offloads.Load(), nil
}

// Deactivate implements [virtio.Device].
func (d *Device) Deactivate() {
	d.signal.Lock()
	d.active = nil
	d.signal.Unlock()
	d.end()
}

func (d *Device) end() {
	if d.control != nil {
		d.control.Stop()
		d.control = nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.run.pairs {
		d.stopPair(&d.run.pairs[i])
	}
	d.run = nil
	d.forget()
	if err := d.backend.SetOffloads(0); err != nil {
		d.log.Warn("network backend keeps its offloads", "device", d.name, "error", err)
	}
}

// Pause implements [virtio.Device].
func (d *Device) Pause() {
	if d.control != nil {
		d.control.Pause()
	}
	d.setPaused(true)
}

// Resume implements [virtio.Device].
func (d *Device) Resume() {
	d.setPaused(false)
	if d.control != nil {
		d.control.Resume()
	}
	if old := d.status.And(^uint32(statusUntold)); old&statusUntold != 0 {
		d.changed()
	}
}

func (d *Device) setPaused(paused bool) {
	d.mu.Lock()
	r := d.run
	var err error
	if r != nil {
		r.paused = paused
		err = d.startLocked()
	}
	d.mu.Unlock()
	if err != nil {
		r.a.Broken(fmt.Errorf("net %q: resume: %w", d.name, err))
	}
}

// setPairs serves n pairs from now on (section 5.1.6.5.5).
func (d *Device) setPairs(n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > len(d.run.pairs) {
		return errors.New("queues that are not enabled")
	}
	d.wanted = n
	return d.startLocked()
}

// setOffloads says which of the guest's offloads received frames may need from
// now on.
func (d *Device) setOffloads(features uint64) error {
	features = sensible(features)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.backend.SetOffloads(features); err != nil {
		return err
	}
	d.offloads.Store(features)
	return nil
}

// sensible are the guest's offloads of features, without those that make no sense
// without another one.
func sensible(features uint64) uint64 {
	features &= guestOffloads
	if features&FeatureGuestCSUM == 0 {
		return 0
	}
	if features&(FeatureGuestTSO4|FeatureGuestTSO6) == 0 {
		features &^= FeatureGuestECN
	}
	return features
}
