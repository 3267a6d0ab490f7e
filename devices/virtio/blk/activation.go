package blk

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/hullvm/hull/devices/virtio"
)

// activation is a device between Activate and Deactivate.
type activation struct {
	*virtio.Activation
	device *Device

	queues  []*queue
	paused  bool
	waiting sync.WaitGroup // a count for each request with a goroutine of its own
	broken  atomic.Bool
}

// errBroken ends the other queues of a device that needs a reset.
var errBroken = errors.New("the device needs a reset")

// start makes an activation and starts its queues' goroutines.
func (d *Device) start(a *virtio.Activation) (*activation, error) {
	act := &activation{Activation: a, device: d, paused: a.Held}
	for _, ring := range a.Queues {
		if ring == nil {
			continue
		}
		q := &queue{activation: act, ring: ring, stop: make(chan struct{})}
		if act.paused {
			close(q.stop)
		}
		act.queues = append(act.queues, q)
	}
	for i, q := range act.queues {
		var err error
		if q.worker, err = virtio.StartWorker(q.ring, q.serve, act.fail); err != nil {
			act.queues = act.queues[:i]
			act.end()
			return nil, err
		}
	}
	return act, nil
}

// fail says once that the driver broke the device's rules.
func (a *activation) fail(err error) {
	if !a.broken.Swap(true) {
		a.Broken(err)
	}
}

func (a *activation) pause() {
	if a.paused {
		return
	}
	a.paused = true
	for _, q := range a.queues {
		close(q.stop)
		q.worker.Pause()
	}
	a.waiting.Wait()
}

func (a *activation) resume() {
	if !a.paused {
		return
	}
	a.paused = false
	for _, q := range a.queues {
		q.stop = make(chan struct{}) // its goroutine is parked
		q.worker.Resume()
	}
}

func (a *activation) end() {
	for _, q := range a.queues {
		if !a.paused {
			close(q.stop)
		}
		q.worker.Stop()
	}
	a.waiting.Wait()
}

// writeThrough reports whether a write has to be durable before it is answered
// (section 5.2.6.2).
func (a *activation) writeThrough() bool {
	switch {
	case a.Has(FeatureConfigWCE):
		return !a.device.writeback.Load()
	default:
		return !a.Has(FeatureFlush)
	}
}
