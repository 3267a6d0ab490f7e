package virtio_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// Many pause, resume and at last stop while the driver goes on. No request is
// lost and none is served while somebody holds the worker.
func TestManyPauseAndResume(t *testing.T) {
	for _, o := range []virtqtest.Options{{}, {EventIndex: true}, {Packed: true, EventIndex: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			s := startServed(t, o, nil)
			var hold sync.Mutex // held from a Pause to its Resume
			var wg sync.WaitGroup
			stop := make(chan struct{})
			for range 3 {
				wg.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
						}
						hold.Lock()
						s.Pause()
						if s.serving.Load() {
							t.Error("serve runs after Pause")
						}
						s.Resume()
						hold.Unlock()
					}
				})
			}
			wg.Go(func() { // and one that does not care
				for {
					select {
					case <-stop:
						return
					default:
						hold.Lock()
						s.Resume()
						hold.Unlock()
					}
				}
			})
			for range 500 {
				s.do(t)
			}
			close(stop)
			wg.Wait()
			s.do(t)
			s.Stop()
		})
	}
}

// Pauses that overlap with resumes end, whoever was first.
func TestPauseEndsWhenAnotherResumes(t *testing.T) {
	s := startServed(t, virtqtest.Options{}, nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				s.Pause()
				s.Resume()
			}
		})
	}
	wg.Wait()
	s.do(t)
}
