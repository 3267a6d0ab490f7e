package pci

import (
	"fmt"
	"sync"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/vmstate"
)

// fake is a device that writes down what is done to it, and panics where it is
// done out of turn.
type fake struct {
	id       virtio.ID
	sizes    []uint16
	features uint64
	hook     func(call string) error // called within each call; nil for nothing

	mu     sync.Mutex // guards what follows
	a      *virtio.Activation
	active bool
	paused bool
	inside bool
	calls  []string
	config [64]byte
}

func newFake() *fake { return &fake{id: virtio.IDNet, sizes: []uint16{64, 16}, features: 1<<5 | 1<<50} }

func (f *fake) ID() virtio.ID        { return f.id }
func (f *fake) Features() uint64     { return f.features }
func (f *fake) QueueSizes() []uint16 { return f.sizes }

func (f *fake) ReadConfig(off uint64, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(p)
	if off < uint64(len(f.config)) {
		copy(p, f.config[off:])
	}
}

func (f *fake) WriteConfig(off uint64, p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if off < uint64(len(f.config)) {
		copy(f.config[off:], p)
	}
}

// call is one that the transport makes one at a time.
func (f *fake) call(name string, active bool, end func()) error {
	f.mu.Lock()
	if f.inside || f.active != active {
		panic(fmt.Sprintf("%s: within another %v, active %v", name, f.inside, f.active))
	}
	f.inside = true
	f.calls = append(f.calls, name)
	f.mu.Unlock()
	var err error
	if f.hook != nil {
		err = f.hook(name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inside = false
	if err == nil {
		end()
	}
	return err
}

func (f *fake) Activate(a *virtio.Activation) error {
	f.mu.Lock()
	f.a = a
	f.mu.Unlock()
	return f.call("activate", false, func() { f.active, f.paused = true, a.Held })
}

func (f *fake) Deactivate() {
	_ = f.call("deactivate", true, func() { f.active, f.paused = false, false })
}

func (f *fake) Pause() { _ = f.call("pause", true, func() { f.paused = true }) }

func (f *fake) Resume() { _ = f.call("resume", true, func() { f.paused = false }) }

// fakeState is what a fake keeps.
type fakeState struct {
	Config []byte `cbor:"1,keyasint"`
}

func (f *fake) Save(out vmstate.Out) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.active && !f.paused {
		panic("save: the device is not paused")
	}
	return out.Put(1, fakeState{f.config[:]})
}

func (f *fake) Load(in vmstate.In) error {
	var s fakeState
	if _, err := in.Get(1, &s); err != nil {
		return err
	}
	if len(s.Config) != len(f.config) {
		return in.Refuse("configuration of %d bytes", len(s.Config))
	}
	return f.call("load", false, func() { copy(f.config[:], s.Config) })
}

// take lists the calls since the last time.
func (f *fake) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := fmt.Sprint(f.calls)
	f.calls = nil
	return s
}

func (f *fake) activation() *virtio.Activation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.a
}

// loopback is a real device that copies what it reads to what it may write. It
// has no state but its workers.
type loopback struct {
	sizes   []uint16
	workers []*virtio.Worker
}

func (*loopback) ID() virtio.ID                  { return virtio.IDEntropy }
func (*loopback) Features() uint64               { return 0 }
func (l *loopback) QueueSizes() []uint16         { return l.sizes }
func (*loopback) ReadConfig(_ uint64, p []byte)  { clear(p) }
func (*loopback) WriteConfig(_ uint64, _ []byte) {}

func (l *loopback) Activate(a *virtio.Activation) error {
	for _, q := range a.Queues {
		if q == nil {
			continue
		}
		w, err := virtio.StartWorker(q, func() error { return serve(q) }, a.Broken)
		if err != nil {
			l.Deactivate()
			return err
		}
		l.workers = append(l.workers, w)
	}
	return nil
}

func serve(q *virtio.Queue) error {
	var c virtq.Chain
	for {
		ok, err := q.Next(&c)
		if !ok || err != nil {
			return err
		}
		p := make([]byte, min(c.ReadableLen(), 4096))
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

func (*loopback) Save(out vmstate.Out) error { return out.Put(1, struct{}{}) }

func (*loopback) Load(in vmstate.In) error {
	_, err := in.Get(1, new(struct{}))
	return err
}

func (l *loopback) Deactivate() {
	for _, w := range l.workers {
		w.Stop()
	}
	l.workers = nil
}

func (l *loopback) Pause() {
	for _, w := range l.workers {
		w.Pause()
	}
}

func (l *loopback) Resume() {
	for _, w := range l.workers {
		w.Resume()
	}
}
