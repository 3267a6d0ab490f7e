package virtio_test

import (
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestAWorkerServesWhatWasThereBeforeIt(t *testing.T) {
	d := virtqtest.New(t, virtqtest.Options{EventIndex: true})
	d.Add(nil, []int{1}) // and nobody notifies
	w, err := virtio.StartWorker(d.Queue(), func() error {
		var c virtq.Chain
		if ok, err := d.Queue().Next(&c); !ok || err != nil {
			return err
		}
		return d.Queue().Complete(&c, 0)
	}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	d.Wait(t)
}

func TestAParkedWorkerServesNothing(t *testing.T) {
	s := startServed(t, virtqtest.Options{}, nil)
	for range 50 {
		s.do(t)
		s.Pause()
		s.Pause() // twice does nothing more
		calls := s.calls.Load()
		s.d.Add(nil, []int{1})
		s.d.Kick()
		if s.serving.Load() {
			t.Fatal("serve runs after Pause")
		}
		if _, ok := s.d.Poll(); ok || s.calls.Load() != calls {
			t.Fatal("a parked worker served")
		}
		s.Resume()
		s.Resume()
		s.d.Wait(t)
	}
}

// What was asked for while the worker was parked, and the driver notified of
// before, is served when it goes on.
func TestAWorkerLooksAtItsQueueFirst(t *testing.T) {
	s := startServed(t, virtqtest.Options{EventIndex: true}, nil)
	s.do(t)
	s.Pause()
	s.d.Add(nil, []int{1}) // not notified at all
	s.Resume()
	s.d.Wait(t)
}

func TestPauseWaitsForWhatIsServed(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	s := startServed(t, virtqtest.Options{}, func() { inside <- struct{}{}; <-goOn })
	s.d.Add(nil, []int{1})
	s.d.Kick()
	<-inside
	paused := make(chan struct{})
	go func() {
		s.Pause()
		if s.serving.Load() {
			t.Error("serve runs after Pause")
		}
		close(paused)
	}()
	select {
	case <-paused:
		t.Fatal("Pause did not wait")
	default:
	}
	close(goOn)
	<-paused
	if _, ok := s.d.Poll(); !ok {
		t.Error("the request that was taken is not done")
	}
	s.Resume()
}

// A driver that adds requests without end does not keep a worker from parking:
// the queue gives none any more.
func TestADriverCannotKeepAWorkerFromParking(t *testing.T) {
	var s *served
	add := func() { s.d.Add(nil, []int{1}) }
	started := make(chan struct{}, 1)
	ready := make(chan struct{})
	s = startServed(t, virtqtest.Options{}, func() {
		<-ready
		// Within serve the driver is always a request ahead.
		_, _ = s.d.Poll()
		add()
		select {
		case started <- struct{}{}:
		default:
		}
	})
	add()
	add()
	s.d.Kick()
	close(ready)
	for range 20 {
		<-started
		s.Pause()
		if s.serving.Load() {
			t.Fatal("serve runs after Pause")
		}
		select {
		case <-started:
		default:
		}
		s.Resume()
	}
	<-started
	s.Stop()
}

// Stop ends a Pause of another goroutine, and both wait for serve.
func TestStopDuringPause(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	s := startServed(t, virtqtest.Options{}, func() { inside <- struct{}{}; <-goOn })
	s.d.Add(nil, []int{1})
	s.d.Kick()
	<-inside
	var wg sync.WaitGroup
	for _, f := range []func(){s.Pause, s.Stop, s.Pause, s.Stop} {
		wg.Go(func() {
			f()
			if s.serving.Load() {
				t.Error("serve runs after Pause or Stop")
			}
		})
	}
	close(goOn)
	wg.Wait()
	s.Pause()
	s.Resume()
	s.Stop()
}

func TestAParkedWorkerStops(t *testing.T) {
	s := startServed(t, virtqtest.Options{}, nil)
	s.Pause()
	s.Stop()
	calls := s.calls.Load()
	s.Resume()
	s.d.Add(nil, []int{1})
	s.d.Kick()
	if s.calls.Load() != calls {
		t.Error("a stopped worker served")
	}
}

// An idle worker sleeps: while another one is busy it does not look around.
func TestAnIdleWorkerIsNotWoken(t *testing.T) {
	m := virtqtest.NewMemory(t, 1<<20)
	idle := startServed(t, virtqtest.Options{Memory: m}, nil)
	busy := startServed(t, virtqtest.Options{Memory: m}, nil)
	idle.do(t)
	busy.do(t)
	idle.Pause() // what the kick left over is looked at now
	idle.Resume()
	devicestest.Eventually(t, "the idle worker to look", func() bool { return idle.calls.Load() > 0 && !idle.serving.Load() })
	for range 10 {
		busy.do(t)
	}
	calls := idle.calls.Load()
	for range 500 {
		busy.do(t)
	}
	if got := idle.calls.Load(); got > calls+1 { // one may have been under way
		t.Errorf("an idle worker served %d times", got-calls)
	}
}

// A driver that is not to notify does not, and the worker wakes up for what is
// left to it.
func TestNotificationsAreFewWhileTheWorkerIsBusy(t *testing.T) {
	inside, goOn := make(chan struct{}, 64), make(chan struct{})
	s := startServed(t, virtqtest.Options{Size: 32, Packed: true, EventIndex: true}, func() { inside <- struct{}{}; <-goOn })
	s.d.Add(nil, []int{1})
	s.d.Kick()
	<-inside
	kicks := s.d.Kicks
	for range 20 {
		s.d.Add(nil, []int{1})
		s.d.Kick()
	}
	if s.d.Kicks != kicks {
		t.Errorf("%d notifications while the worker was busy", s.d.Kicks-kicks)
	}
	close(goOn)
	for range 21 {
		s.d.Wait(t)
	}
}
