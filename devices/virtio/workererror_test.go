package virtio_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestAnErrorEndsServing(t *testing.T) {
	broken := errors.New("bad request")
	for _, when := range []string{"running", "paused meanwhile"} {
		t.Run(when, func(t *testing.T) {
			inside, goOn := make(chan struct{}, 1), make(chan struct{})
			s := startServed(t, virtqtest.Options{}, func() { inside <- struct{}{}; <-goOn })
			s.d.Add(nil, []int{1})
			s.d.Kick()
			<-inside
			s.fail.Store(&broken)
			paused := make(chan struct{})
			if when != "running" {
				go func() { s.Pause(); close(paused) }()
			} else {
				close(paused)
			}
			close(goOn)
			if err := <-s.failed; err != broken {
				t.Errorf("broken was told %v, want %v", err, broken)
			}
			<-paused
			calls := s.calls.Load()
			s.Pause() // all these do nothing more
			s.Resume()
			s.d.Add(nil, []int{1})
			s.d.Queue().Kick()
			s.Resume()
			s.Pause()
			if s.calls.Load() != calls {
				t.Error("serve was called after its error")
			}
			s.Stop()
			if len(s.failed) != 0 {
				t.Errorf("broken was told again: %v", <-s.failed)
			}
		})
	}
}

func TestPauseWaitsForTheNewsOfAnError(t *testing.T) {
	devicestest.CheckGoroutines(t)
	d := virtqtest.New(t, virtqtest.Options{})
	inside, goOn := make(chan struct{}), make(chan struct{})
	var told atomic.Bool
	w, err := virtio.StartWorker(d.Queue(), func() error { return errors.New("bad") }, func(error) {
		close(inside)
		<-goOn
		told.Store(true)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	<-inside
	go close(goOn)
	w.Pause()
	if !told.Load() {
		t.Error("Pause returned while broken ran")
	}
}

func TestABrokenRingIsReported(t *testing.T) {
	s := startServed(t, virtqtest.Options{}, nil)
	s.do(t)
	s.d.Split().PutAvail(999)
	s.d.Queue().Kick()
	var broken *virtq.BrokenError
	if err := <-s.failed; !errors.As(err, &broken) {
		t.Errorf("broken was told %v", err)
	}
}
