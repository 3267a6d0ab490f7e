package manager

import (
	"context"
	"sync"
	"time"

	"github.com/hullvm/hull/manager/supervisor"
)

// followPause is how often a supervisor is asked how far something is that takes long.
const followPause = 200 * time.Millisecond

// follow tells see what the monitor of an instance says, again and again, until done is
// called; never afterwards.
func (m *Manager) follow(ctx context.Context, id string, see func(*supervisor.Monitor)) (done func()) {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() {
		tick := time.NewTicker(followPause)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			// One that does not answer now may do so the next time.
			reply, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpInspect})
			if err == nil && reply.Monitor != nil && ctx.Err() == nil {
				see(reply.Monitor)
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
	}
}

// followSave tells progress, which may be nil, how far the memory of an instance is
// that is being written down, as follow does.
func (m *Manager) followSave(ctx context.Context, id string, progress func(done, total int64)) (done func()) {
	if progress == nil {
		return func() {}
	}
	return m.follow(ctx, id, func(v *supervisor.Monitor) {
		if v.Writing != nil {
			progress(v.Writing.Done, v.Writing.Total)
		}
	})
}

// followMove tells progress, which may be nil, how far a move is, as follow does.
func (m *Manager) followMove(ctx context.Context, id string, progress func(MigrationProgress)) (done func()) {
	if progress == nil {
		return func() {}
	}
	return m.follow(ctx, id, func(v *supervisor.Monitor) {
		if v.Moving != nil {
			progress(MigrationProgress(*v.Moving))
		}
	})
}
