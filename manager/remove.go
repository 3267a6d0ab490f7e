package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
	"github.com/hullvm/hull/manager/supervisor"
)

// Remove deletes an instance.
func (m *Manager) Remove(ctx context.Context, ref string, o RemoveOptions) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return failed(ref, "remove", err)
	}
	defer unlock()
	return failed(ref, "remove", m.remove(ctx, id, o.Force))
}

// remove is Remove for whoever holds the instance's lock.
func (m *Manager) remove(ctx context.Context, id string, force bool) error {
	d, err := m.store.Description(id)
	if err != nil {
		if !force {
			return kinded(err)
		}
		d = &instance.Description{ID: id}
	}
	st, err := m.settle(ctx, id)
	switch {
	case err != nil && !force:
		return err
	case err == nil && pending(st) && !force:
		return wrongState("it is %s; stop it before, or use force", statusWord(st))
	}
	if err := m.endForGood(ctx, id, force, err != nil || pending(st)); err != nil {
		return err
	}
	if st == nil {
		st = new(instance.State)
	}
	if err := m.clear(ctx, id, st); err != nil {
		return err
	}
	if err := m.noteArrival(st); err != nil {
		return err
	}
	if err := m.store.Remove(id); err != nil {
		return kinded(err)
	}
	m.emit(d, events.Destroy, nil)
	return nil
}

// endForGood returns when an instance has no supervisor: also one that was about to
// start it, and one whose state nobody can read. With force it is killed, at once
// where it is known to be live.
func (m *Manager) endForGood(ctx context.Context, id string, force, live bool) error {
	for {
		if live {
			// Nothing but its supervisor is asked: its files may be what cannot be
			// read. What fails shows where it does not end.
			_, err := m.client(id).Do(ctx, supervisor.Request{Op: supervisor.OpKill})
			if err != nil && ctx.Err() != nil {
				return err
			}
			if err != nil {
				time.Sleep(waitPause)
			}
		}
		started, err := m.awaitSupervisorsEnd(ctx, id)
		if err != nil || !started {
			return err
		}
		if !force {
			return wrongState("it was started just now; stop it before, or use force")
		}
		live = true
	}
}

// statusWord is how a state is called.
func statusWord(st *instance.State) string {
	if st.Restarting {
		return statusRestarting
	}
	return string(st.Status)
}

// Rename gives an instance another name.
func (m *Manager) Rename(ctx context.Context, ref, name string) error {
	if err := names.Valid(name); err != nil {
		return failed(ref, "rename", &instance.Error{Kind: instance.KindInvalid, Err: err})
	}
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return failed(ref, "rename", err)
	}
	defer unlock()
	d, err := m.store.Description(id)
	if err != nil {
		return failed(ref, "rename", err)
	}
	old := d.Name
	if old == name {
		return failed(ref, "rename", invalid("that is its name"))
	}
	if err := m.store.Rename(d, name); err != nil {
		return failed(ref, "rename", err)
	}
	m.emit(d, events.Rename, map[string]string{"oldName": old})
	return nil
}

// Update changes what an instance may have.
func (m *Manager) Update(ctx context.Context, ref string, u instance.Update) error {
	if u.Empty() {
		return failed(ref, "update", invalid("nothing is to be changed"))
	}
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return failed(ref, "update", err)
	}
	defer unlock()
	return failed(ref, "update", m.update(ctx, id, &u))
}

func (m *Manager) update(ctx context.Context, id string, u *instance.Update) error {
	d, st, err := m.current(id)
	if err != nil {
		return err
	}
	if pending(st) {
		// It tells the journal.
		_, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpUpdate, Update: u})
		return err
	}
	if len(u.Disks) > 0 {
		return wrongState("it is not running, and rates of disks hold until the machine's end; change its machine file")
	}
	if err := u.Apply(d); err != nil {
		return err
	}
	if err := m.store.PutDescription(d); err != nil {
		return err
	}
	m.emit(d, events.Update, nil)
	return nil
}
