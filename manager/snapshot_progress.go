package manager

import (
	"context"
	"sync"
	"time"

	"github.com/hullvm/hull/manager/supervisor"
)

// progressPause is how often a supervisor is asked how far a snapshot is.
const progressPause = 200 * time.Millisecond

// followSave tells progress, which may be nil, how far the memory of an instance is
// that is being written down, until done is called; never afterwards.
func (m *Manager) followSave(ctx context.Context, id string, progress func(done, total int64)) (done func()) {
	if progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(progressPause)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			// One that does not answer now may do so the next time.
			reply, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpInspect})
			if err == nil && reply.Monitor != nil && reply.Monitor.Writing != nil && ctx.Err() == nil {
				progress(reply.Monitor.Writing.Done, reply.Monitor.Writing.Total)
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
	}
}
