package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/manager/supervisor"
)

// Dirs are where instances are kept.
type Dirs struct {
	State string     // descriptions, states, logs: they outlive the host's restart
	Run   string     // sockets
	Guest guest.Dirs // kernels, and Hull's programs
}

// DirsFromEnv chooses the directories. State is what HULL_HOME names, or its
// default (guest.DirsFromEnv). Run is HULL_RUN_DIR, or "run" in HULL_HOME, or
// /run/hull for root and $XDG_RUNTIME_DIR/hull for others.
func DirsFromEnv(getenv func(string) string) Dirs {
	d := Dirs{Guest: guest.DirsFromEnv(getenv), Run: getenv("HULL_RUN_DIR")}
	d.State = d.Guest.Home
	if d.Run != "" {
		return d
	}
	switch runtime := getenv("XDG_RUNTIME_DIR"); {
	case getenv("HULL_HOME") != "":
		d.Run = filepath.Join(d.State, "run")
	case os.Geteuid() == 0:
		d.Run = "/run/hull"
	case runtime != "":
		d.Run = filepath.Join(runtime, "hull")
	default:
		d.Run = filepath.Join(d.State, "run")
	}
	return d
}

// Manager is an Engine for the instances below one directory.
type Manager struct {
	dirs  Dirs
	store *store.Store
	log   *slog.Logger
}

var _ Engine = (*Manager)(nil)

// Open makes the directories where they are missing. A nil log throws messages
// away.
func Open(d Dirs, log *slog.Logger) (*Manager, error) {
	for _, dir := range []*string{&d.State, &d.Run} {
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("instances: %w", err)
		}
		*dir = absolute
	}
	s, err := store.Open(d.State)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Manager{dirs: d, store: s, log: log}, nil
}

// RunDir is where an instance's sockets are.
func (d Dirs) RunDir(id string) string {
	return filepath.Join(d.Run, "instances", instance.ShortID(id))
}

// SnapshotsDir is where snapshots are kept.
func (d Dirs) SnapshotsDir() string { return filepath.Join(d.State, "snapshots") }

// SupervisorSocket is where an instance's supervisor answers.
func (d Dirs) SupervisorSocket(id string) string {
	return filepath.Join(d.RunDir(id), "supervisor.sock")
}

// vsockSocket is where the guest is reached, unless its machine file says.
func (d Dirs) vsockSocket(id string) string { return filepath.Join(d.RunDir(id), "vsock.sock") }

func (m *Manager) client(id string) *supervisor.Client {
	return supervisor.NewClient(m.dirs.SupervisorSocket(id))
}

// resolve finds the instance that a ref means.
func (m *Manager) resolve(ref string) (string, error) {
	id, err := m.store.Resolve(ref)
	return id, kinded(err)
}

// kinded gives an error of the store its kind.
func kinded(err error) error {
	var several *store.AmbiguousError
	var kind instance.Kind
	switch {
	case err == nil || instance.KindOf(err) != instance.KindFailed:
		return err
	case errors.Is(err, store.ErrNotFound):
		kind = instance.KindNotFound
	case errors.Is(err, store.ErrNameTaken), errors.Is(err, store.ErrExists):
		kind = instance.KindNameTaken
	case errors.Is(err, store.ErrCorrupt):
		kind = instance.KindCorrupt
	case errors.As(err, &several):
		kind = instance.KindAmbiguous
	default:
		return err
	}
	return &instance.Error{Kind: kind, Err: err}
}

// failed says of which instance a failure is, in the words of whoever named it.
func failed(ref, verb string, err error) error {
	if err == nil {
		return nil
	}
	return &instance.Error{Kind: instance.KindOf(kinded(err)), Err: fmt.Errorf("instance %q: %s: %w", ref, verb, err)}
}

// current is an instance's state, and its description.
func (m *Manager) current(id string) (*instance.Description, *instance.State, error) {
	d, err := m.store.Description(id)
	if err != nil {
		return nil, nil, kinded(err)
	}
	st, err := m.store.Current(id)
	return d, st, kinded(err)
}

// lock has this process alone change an instance.
func (m *Manager) lock(ctx context.Context, id string) (func(), error) {
	unlock, err := m.store.Lock(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &instance.Error{Kind: instance.KindBusy, Err: err}
	}
	return unlock, kinded(err)
}
