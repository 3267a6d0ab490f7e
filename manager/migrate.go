package manager

import (
	"context"
	"path/filepath"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate/transport"
)

// Migrate moves an instance to another host.
func (m *Manager) Migrate(ctx context.Context, ref string, o MigrateOptions) (*MigrationReport, error) {
	if err := o.Check(); err != nil {
		return nil, failed(ref, "migrate", err)
	}
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	report, err := m.migrate(ctx, id, o)
	return report, failed(ref, "migrate", err)
}

func (m *Manager) migrate(ctx context.Context, id string, o MigrateOptions) (*MigrationReport, error) {
	d, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	if st.Status != instance.Running && st.Status != instance.Paused {
		return nil, wrongState("it is %s, and a machine moves that runs or is paused", statusWord(st))
	}
	q := &supervisor.Migrate{
		To: o.To, Connections: o.Connections, Compression: o.Compression, Bandwidth: o.Bandwidth,
		Downtime: o.Downtime, Throttle: o.Throttle, Timeout: o.Timeout, Keep: o.Keep, Verify: o.Verify,
	}
	if q.Downtime == 0 {
		q.Downtime = DefaultDowntime
	}
	if o.TLS != nil {
		if q.TLS, err = o.TLS.absolute(); err != nil {
			return nil, err
		}
		q.ServerName = o.TLS.Name
	}
	done := m.followMove(ctx, id, o.Progress)
	reply, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpMigrate, Migrate: q})
	done()
	if err != nil {
		return nil, err
	}
	r := reply.Migrated
	if r == nil {
		return nil, wrongState("its supervisor did not say what became of the move")
	}
	return &MigrationReport{
		ID: d.ID, Name: d.Name, To: o.To, Rounds: r.Rounds, Sent: r.Sent, Pages: r.Pages, ZeroPages: r.ZeroPages, Wire: r.Wire,
		Total: r.Total, Downtime: r.Downtime,
		Parts: DowntimeParts{Pause: r.Pause, LastPass: r.LastPass, State: r.State, Load: r.Load, Resume: r.Resume},
	}, nil
}

// absolute are the files for a process that runs elsewhere.
func (f *TLSFiles) absolute() (*transport.Files, error) {
	files := &transport.Files{CA: f.CA, Cert: f.Cert, Key: f.Key}
	for _, path := range []*string{&files.CA, &files.Cert, &files.Key} {
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = absolute
	}
	return files, nil
}

// CancelMigration ends a move that is not handed over.
func (m *Manager) CancelMigration(ctx context.Context, ref string) error {
	return m.tellMove(ctx, ref, "cancel its move", supervisor.Request{Op: supervisor.OpCancel})
}

func (m *Manager) tellMove(ctx context.Context, ref, verb string, q supervisor.Request) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	_, err = m.live(ctx, id, q)
	return failed(ref, verb, err)
}

// ResolveMigration ends the doubt about who has a machine.
func (m *Manager) ResolveMigration(ctx context.Context, ref string, side Side) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	return failed(ref, "resolve its move", m.resolveMove(ctx, id, side))
}

func (m *Manager) resolveMove(ctx context.Context, id string, side Side) error {
	if side != SideSource && side != SideTarget {
		return invalid("%q is neither %q nor %q", side, SideSource, SideTarget)
	}
	unlock, err := m.lock(ctx, id)
	if err != nil {
		return err
	}
	defer unlock()
	st, err := m.settle(ctx, id)
	if err != nil {
		return err
	}
	if pending(st) {
		_, err := m.live(ctx, id, supervisor.Request{Op: supervisor.OpResolve, Side: instance.Role(side)})
		return err
	}
	if !st.Gone() {
		return wrongState("there is no doubt about who has it")
	}
	// Its memory is gone with its supervisor. What is left is whether it may be
	// started here again.
	if side == SideTarget {
		return m.remove(ctx, id, false)
	}
	st.Migration = nil
	return m.store.PutState(id, st)
}
