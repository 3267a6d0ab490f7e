package virtio_test

import (
	"sync/atomic"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// served is a worker that gives every request back, and counts.
type served struct {
	*virtio.Worker
	d       *virtqtest.Driver
	serving atomic.Bool // serve runs
	calls   atomic.Int64
	failed  chan error // what broken was told
	fail    atomic.Pointer[error]
	hook    func() // within serve, for each request
}

func startServed(t *testing.T, o virtqtest.Options, hook func()) *served {
	t.Helper()
	checkDescriptors(t)
	devicestest.CheckGoroutines(t)
	return serveOn(t, virtqtest.New(t, o), hook)
}

func serveOn(t *testing.T, d *virtqtest.Driver, hook func()) *served {
	t.Helper()
	s := &served{d: d, failed: make(chan error, 10), hook: hook}
	w, err := virtio.StartWorker(s.d.Queue(), s.serve, func(err error) { s.failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	s.Worker = w
	t.Cleanup(w.Stop)
	return s
}

func (s *served) serve() error {
	s.serving.Store(true)
	defer s.serving.Store(false)
	s.calls.Add(1)
	var c virtq.Chain
	for {
		if err := s.fail.Load(); err != nil {
			return *err
		}
		ok, err := s.d.Queue().Next(&c)
		if !ok || err != nil {
			return err
		}
		if s.hook != nil {
			s.hook()
		}
		if err := s.d.Queue().Complete(&c, 1); err != nil {
			return err
		}
	}
}

// do makes a request and waits for its answer.
func (s *served) do(t *testing.T) {
	t.Helper()
	s.d.Do(t, nil, []int{1})
}
