package virtqtest

import (
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
)

// echo is a device that copies what it reads to what it may write.
type echo struct {
	a       *virtio.Activation
	workers []*virtio.Worker
}

func (*echo) ID() virtio.ID              { return virtio.IDConsole }
func (*echo) Features() uint64           { return 0 }
func (*echo) QueueSizes() []uint16       { return []uint16{64, 64, 64} }
func (*echo) ReadConfig(uint64, []byte)  {}
func (*echo) WriteConfig(uint64, []byte) {}

func (e *echo) Activate(a *virtio.Activation) error {
	e.a = a
	for _, q := range a.Queues {
		if q == nil {
			continue
		}
		w, err := virtio.StartWorker(q, func() error { return serveEcho(q) }, a.Broken)
		if err != nil {
			return err
		}
		e.workers = append(e.workers, w)
	}
	return nil
}

func (e *echo) Deactivate() {
	for _, w := range e.workers {
		w.Stop()
	}
	e.workers = nil
}

func (e *echo) Pause() {
	for _, w := range e.workers {
		w.Pause()
	}
}

func (e *echo) Resume() {
	for _, w := range e.workers {
		w.Resume()
	}
}

func serveEcho(q *virtio.Queue) error {
	var c virtq.Chain
	for {
		ok, err := q.Next(&c)
		if !ok || err != nil {
			return err
		}
		p := make([]byte, c.ReadableLen())
		if _, err := virtq.CopyFrom(q.Memory(), p, c.Readable, 0); err != nil {
			return err
		}
		n, err := virtq.CopyTo(q.Memory(), p, c.Writable, 0)
		if err != nil {
			return err
		}
		if err := q.Complete(&c, uint32(n)); err != nil {
			return err
		}
	}
}
