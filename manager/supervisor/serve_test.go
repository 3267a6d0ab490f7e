package supervisor

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// TestWaitsThatWereGivenUpHoldNoPlace has more clients wait for an end, and give up,
// than the supervisor serves at once: each "hull logs --follow" is one.
func TestWaitsThatWereGivenUpHoldNoPlace(t *testing.T) {
	w, _ := mustBegin(t, nil)
	for range maxConns + 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		if _, err := w.client.Do(ctx, Request{Op: OpWait}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that was given up: %v", err)
		}
		cancel()
	}
	if st := w.mustDo(Request{Op: OpStop}); st.Status != instance.Exited {
		t.Errorf("%+v", st)
	}
	w.over()
}

// TestThoseWhoWaitKeepNobodyFromStopping has as many clients wait as there may be,
// and more.
func TestThoseWhoWaitKeepNobodyFromStopping(t *testing.T) {
	w, _ := mustBegin(t, nil)
	var waits sync.WaitGroup
	refused := make(chan struct{}, 2*maxConns)
	for range maxConns + 10 {
		waits.Go(func() {
			_, err := w.do(Request{Op: OpWait})
			switch {
			case instance.KindOf(err) == instance.KindBusy, errors.Is(err, ErrGone):
				refused <- struct{}{}
			case err != nil:
				t.Error(err)
			}
		})
	}
	for range maxConns + 10 - maxWaits {
		<-refused
	}
	if st := w.mustDo(Request{Op: OpStop}); st.Status != instance.Exited {
		t.Errorf("%+v", st)
	}
	waits.Wait()
	w.over()
}
