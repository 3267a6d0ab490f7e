package fs

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/devices/virtio"
)

// activation is what lasts from Activate to Deactivate.
type activation struct {
	*virtio.Activation
	workers []*virtio.Worker
	broken  sync.Once
	paused  bool        // Pause's and its kind's
	mounted atomic.Bool // the guest has a session with the server
}

// check tells the driver of the first error that it made.
func (a *activation) check(err error) {
	if err != nil {
		a.broken.Do(func() { a.Broken(err) })
	}
}

// each does something with all workers at once: one may be waiting for the server,
// and the others would look at their queues meanwhile, over and over.
func (a *activation) each(do func(*virtio.Worker)) {
	var all sync.WaitGroup
	for _, w := range a.workers {
		all.Go(func() { do(w) })
	}
	all.Wait()
}

// Activate starts a worker for each queue that is enabled.
func (d *Device) Activate(va *virtio.Activation) error {
	a := &activation{Activation: va, paused: va.Held}
	d.active = a
	d.start(a)
	d.gate.set(va.Held)
	for i, vq := range va.Queues {
		if vq == nil {
			continue
		}
		q := &queue{Queue: vq, activation: a, urgent: i == queueHiprio}
		w, err := virtio.StartWorker(vq, func() error { return d.serve(q) }, a.check)
		if err != nil {
			d.Deactivate()
			return fmt.Errorf("share %q: %w", d.config.Tag, err)
		}
		a.workers = append(a.workers, w)
	}
	return nil
}

// start lets workers and the receiver do their work for an activation.
func (d *Device) start(a *activation) {
	_ = d.conn.SetWriteDeadline(time.Time{}) // one that is closed needs none
	d.slots.stop(false)
	d.gate.begin(a)
}

// halt makes workers come to an end, at the latest when the server has not read
// what it is sent for the deadline.
func (d *Device) halt() {
	d.slots.stop(true)
	_ = d.conn.SetWriteDeadline(time.Now().Add(d.config.PauseDeadline))
}

// Deactivate forgets the requests under way. Replies to them are dropped when
// they come.
func (d *Device) Deactivate() {
	if d.active == nil {
		return
	}
	d.halt()
	d.active.each((*virtio.Worker).Stop)
	d.gate.begin(nil)
	d.slots.abandon()
	d.active = nil
}

// Pause waits for the replies to the requests under way, for as long as
// Config.PauseDeadline allows; see the package's comment.
func (d *Device) Pause() {
	if d.active == nil {
		return
	}
	d.halt()
	d.active.each((*virtio.Worker).Pause)
	left := d.slots.drain(d.config.PauseDeadline)
	d.gate.set(true)
	d.active.paused = true
	if left > 0 {
		d.config.Report(fmt.Errorf("share %q: pause: the file server has not answered %d requests within %v", d.config.Tag, left, d.config.PauseDeadline))
	}
}

// Resume undoes Pause.
func (d *Device) Resume() {
	if d.active == nil {
		return
	}
	d.active.paused = false
	d.start(d.active)
	d.active.each((*virtio.Worker).Resume)
}
