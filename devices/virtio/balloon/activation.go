package balloon

import (
	"sync/atomic"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
)

// The queues (section 5.5.2).
const (
	queueInflate    = 0
	queueDeflate    = 1
	queueStatistics = 2
	queueFreePage   = 3 // never used: hints are not offered
	queueReporting  = 4
)

// activation is a device between Activate and Deactivate.
type activation struct {
	*virtio.Activation
	device   *Device
	queues   []*queue  // those with a goroutine
	exchange *exchange // for statistics; nil where there is no queue for them
	paused   bool
	broken   atomic.Bool
}

// queue serves one virtqueue.
type queue struct {
	*activation
	ring   *virtio.Queue
	worker *virtio.Worker
	stop   atomic.Bool
	handle func(*virtq.Chain)
}

// start makes an activation and starts its queues' goroutines.
func (d *Device) start(a *virtio.Activation) (*activation, error) {
	act := &activation{Activation: a, device: d, paused: a.Held}
	statistics, reporting := act.choose()
	if statistics != nil {
		var err error
		if act.exchange, err = newExchange(act, statistics); err != nil {
			return nil, err
		}
		act.exchange.pause(a.Held)
	}
	var inflated pageList
	for _, s := range []struct {
		ring   *virtio.Queue
		handle func(*virtq.Chain)
	}{
		{a.Queues[queueInflate], func(c *virtq.Chain) { act.inflate(c, &inflated) }},
		{a.Queues[queueDeflate], act.deflate},
		{reporting, act.report},
	} {
		if s.ring == nil {
			continue
		}
		q := &queue{activation: act, ring: s.ring, handle: s.handle}
		var err error
		if q.worker, err = virtio.StartWorker(q.ring, q.serve, act.fail); err != nil {
			act.end()
			return nil, err
		}
		act.queues = append(act.queues, q)
	}
	return act, nil
}

// choose finds the queues that not every driver has. The specification gives
// each a number; Linux numbers those that it uses without gaps. The two meet
// nowhere: the queue for free page hints, which are not offered, lies between.
func (a *activation) choose() (statistics, reporting *virtio.Queue) {
	rest := a.Queues[queueDeflate+1:]
	if a.Has(FeatureStatistics) && len(rest) > 0 {
		statistics, rest = rest[0], rest[1:]
	}
	if a.Has(FeatureReporting) {
		for _, q := range rest {
			if q != nil {
				reporting = q
			}
		}
	}
	return statistics, reporting
}

// fail says once that the driver broke the rules.
func (a *activation) fail(err error) {
	if !a.broken.Swap(true) {
		a.Broken(err)
		if a.exchange != nil {
			a.exchange.kicks.Interrupt()
		}
	}
}

func (a *activation) pause() {
	if a.paused {
		return
	}
	a.paused = true
	for _, q := range a.queues {
		q.stop.Store(true)
		q.worker.Pause()
	}
	a.exchange.pause(true)
}

func (a *activation) resume() {
	if !a.paused {
		return
	}
	a.paused = false
	for _, q := range a.queues {
		q.stop.Store(false)
		q.worker.Resume()
	}
	a.exchange.pause(false)
}

func (a *activation) end() {
	for _, q := range a.queues {
		q.stop.Store(true)
		q.worker.Stop()
	}
	a.exchange.end()
}

// serve answers requests until there are none, or it is to stop.
func (q *queue) serve() error {
	var c virtq.Chain
	for !q.stop.Load() {
		if q.broken.Load() {
			return errBroken
		}
		if ok, err := q.ring.Next(&c); !ok || err != nil {
			return err
		}
		q.handle(&c)
		// The driver waits for each one.
		if err := q.ring.Complete(&c, 0); err != nil {
			return err
		}
	}
	return nil
}
