package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/manager/supervisor"
)

// restartTime bounds the start of an instance that was stopped for it.
const restartTime = 3 * time.Minute

// Restart stops an instance and starts it again.
func (m *Manager) Restart(ctx context.Context, ref string, o StopOptions) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	return failed(ref, "restart", m.restart(ctx, id, o))
}

func (m *Manager) restart(ctx context.Context, id string, o StopOptions) error {
	d, _, err := m.current(id)
	if err != nil {
		return err
	}
	if d.AutoRemove {
		return wrongState("it is removed when it ends, so that there would be none to start; stop it, and boot its machine file again")
	}
	// Nobody else starts or removes it between.
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	if err := m.end(ctx, id, supervisor.Request{Op: supervisor.OpStop, Timeout: o.Timeout}); err != nil {
		return err
	}
	// Whoever is gone by now did not want it stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartTime)
	defer cancel()
	return m.start(ctx, id)
}
