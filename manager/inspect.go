package manager

import (
	"context"
	"errors"

	"github.com/hullvm/hull/manager/supervisor"
)

// Inspect returns all that is known of an instance.
func (m *Manager) Inspect(ctx context.Context, ref string) (*Detail, error) {
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	d, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	dir := m.store.Dir(id)
	detail := &Detail{Summary: Summary{Description: *d, State: *st, Size: treeSize(dir)}, Dir: dir, RunDir: m.dirs.RunDir(id)}
	if !st.Status.Live() {
		return detail, nil
	}
	reply, err := m.client(id).Do(ctx, supervisor.Request{Op: supervisor.OpInspect})
	switch {
	case errors.Is(err, supervisor.ErrGone): // it has ended just now
		if _, st, err = m.current(id); err == nil {
			detail.State = *st
		}
		return detail, err
	case err != nil:
		return nil, failed(ref, "inspect", err)
	}
	detail.Monitor = reply.Monitor
	return detail, nil
}
