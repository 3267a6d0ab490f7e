package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// recoverWait is how long Recover waits for whoever changes an instance. That one
// leaves it in order.
const recoverWait = time.Second

// Recover settles what supervisors that are gone have left, and starts again what
// its policy says.
func (m *Manager) Recover(ctx context.Context) ([]string, error) {
	ids, err := m.store.IDs()
	if err != nil {
		return nil, err
	}
	var started []string
	var errs []error
	for _, id := range ids {
		if ctx.Err() != nil {
			return started, errors.Join(append(errs, context.Cause(ctx))...)
		}
		switch again, err := m.recoverOne(ctx, id); {
		case err != nil:
			errs = append(errs, fmt.Errorf("instance %s: recover: %w", instance.ShortID(id), err))
		case again:
			started = append(started, id)
		}
	}
	return started, errors.Join(errs...)
}

func (m *Manager) recoverOne(ctx context.Context, id string) (started bool, err error) {
	wait, cancel := context.WithTimeout(ctx, recoverWait)
	defer cancel()
	unlock, err := m.lock(wait, id)
	switch instance.KindOf(err) {
	case "":
	case instance.KindBusy, instance.KindNotFound:
		return false, nil
	default:
		return false, err
	}
	defer unlock()
	d, err := m.store.Description(id)
	if err != nil {
		return false, kinded(err)
	}
	st, err := m.settle(ctx, id)
	if err != nil || pending(st) {
		return false, err
	}
	remove := d.AutoRemove && st.Status == instance.Exited
	if !remove && !instance.AgainAfterLoss(d.Restart, st) {
		return false, nil
	}
	// One that has just written the end of its instance is about to go.
	if started, err := m.awaitSupervisorsEnd(wait, id); err != nil || started {
		if instance.KindOf(err) == instance.KindBusy {
			err = nil
		}
		return false, err
	}
	if remove {
		return false, m.remove(ctx, id, true)
	}
	return true, m.start(ctx, id)
}
