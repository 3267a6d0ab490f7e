package manager

import (
	"context"
	"iter"

	"github.com/hullvm/hull/manager/logs"
)

// Logs returns what the guest's console and Hull wrote.
func (m *Manager) Logs(ctx context.Context, ref string, o LogOptions) (iter.Seq2[logs.Record, error], error) {
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	if _, _, err := m.current(id); err != nil {
		return nil, err
	}
	options := logs.Options{Follow: o.Follow, Since: o.Since, Until: o.Until, Tail: o.Tail}
	return func(yield func(logs.Record, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if o.Follow {
			done := make(chan struct{})
			options.Done = done
			go func() {
				defer close(done)
				// Whatever ends the wait, nothing more is to be expected.
				_, _ = m.wait(ctx, id)
			}()
		}
		for r, err := range logs.Read(ctx, m.store.Dir(id), options) {
			if !yield(r, err) {
				return
			}
		}
	}, nil
}
