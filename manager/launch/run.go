package launch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/cgroup"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
	"github.com/hullvm/hull/manager/store"
	"github.com/hullvm/hull/manager/supervisor"
)

// Options say which instance to look after.
type Options struct {
	ID    string
	Dirs  manager.Dirs
	Ready *os.File        // takes one reply: the instance runs, or why not
	Stop  <-chan struct{} // closed when the host wants the supervisor to end
}

// Run looks after an instance from its start to its end: the whole of
// hull-supervisor.
func Run(ctx context.Context, o Options) error {
	told := false
	tell := func(err error) {
		if told {
			return
		}
		told = true
		// Nobody may be there to hear it any more.
		_ = supervisor.WriteReply(o.Ready, err)
		_ = o.Ready.Close()
	}
	remove, err := run(ctx, o, tell)
	tell(err) // where it came to nothing before the start
	if err != nil || !remove {
		return err
	}
	return removeInstance(ctx, o.Dirs, o.ID)
}

// removeInstance removes an instance whose last run has ended.
func removeInstance(ctx context.Context, dirs manager.Dirs, id string) error {
	m, err := manager.Open(dirs, nil)
	if err != nil {
		return err
	}
	err = m.Remove(ctx, id, manager.RemoveOptions{})
	if instance.KindOf(err) == instance.KindNotFound {
		return nil // somebody else has
	}
	return err
}

// run is Run but for the removal of an instance that wants that at its end.
func run(ctx context.Context, o Options, started func(error)) (remove bool, err error) {
	s, err := store.Open(o.Dirs.State)
	if err != nil {
		return false, err
	}
	claim, err := s.Claim(o.ID)
	if err != nil {
		return false, err
	}
	defer claim.Close()
	if givenUp(o.Ready) {
		return false, errors.New("whoever wanted the instance started is gone")
	}
	d, err := s.Description(o.ID)
	if err != nil {
		return false, err
	}
	ran, left := false, false
	err = look(ctx, o, s, d, func(c *supervisor.Config, _ *logs.Writer) {
		c.Started = func(err error) {
			ran = err == nil
			started(err)
		}
		c.Left = func() { left = true }
	})
	return ran && (d.AutoRemove || left), err
}

// look looks after an instance that this process has claimed. more fills in what is
// of one kind of start.
func look(ctx context.Context, o Options, s *store.Store, d *instance.Description, more func(*supervisor.Config, *logs.Writer)) (err error) {
	writer, err := openLog(s, d)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	if err := makeRunDir(o.Dirs.RunDir(o.ID)); err != nil {
		return err
	}
	listener, err := listen(o.Dirs.SupervisorSocket(o.ID))
	if err != nil {
		return err
	}
	if err := joinSupervisors(); err != nil {
		return errors.Join(err, listener.Close())
	}
	c := supervisor.Config{
		Store: s, ID: o.ID,
		Launcher: &launcher{dirs: o.Dirs},
		Listener: listener,
		Group:    func(d *instance.Description) (supervisor.Group, error) { return Group(ctx, o.Dirs, d) },
		Console:  writer.Stream(logs.Stdout),
		Messages: writer.Stream(logs.Stderr),
		Emit: func(action string, attributes map[string]string) {
			if d, err := s.Description(o.ID); err == nil { // it may have another name by now
				// The journal is nobody's state: what happened has happened.
				_ = events.Append(ctx, o.Dirs.JournalPath(), manager.NewEvent(d, action, attributes))
			}
		},
		Stop: o.Stop,
	}
	more(&c, writer)
	return errors.Join(supervisor.Run(ctx, c), os.RemoveAll(o.Dirs.RunDir(o.ID)))
}

func openLog(s *store.Store, d *instance.Description) (*logs.Writer, error) {
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	return logs.OpenWriter(s.Dir(d.ID), logs.Limits{MaxSize: int64(config.Log.MaxSize), MaxFiles: config.Log.MaxFiles})
}

// givenUp reports whether nobody waits for the start any more. One that was given up
// before it began must not come about later, when something else is wanted.
func givenUp(ready *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(ready.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
}

// makeRunDir makes an instance's folder for sockets anew. Only who has claimed the
// instance does: another's sockets may be in it.
func makeRunDir(dir string) error {
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return fmt.Errorf("folder for sockets: %w", err)
	}
	return nil
}

// listen makes the socket where requests come. Its folder is the instance's own.
func listen(path string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("supervisor: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("supervisor: %w", err), l.Close())
	}
	return l, nil
}

// joinSupervisors leaves the control group of whoever started this process: it is
// not to end with a session, nor to count against another instance's limits.
func joinSupervisors() error {
	if cgroup.Available() != nil {
		return nil // the instance's own group says so, where it matters
	}
	g, err := cgroup.Supervisors()
	if err == nil {
		err = g.Add(os.Getpid())
	}
	if err != nil {
		return fmt.Errorf("supervisor: control group: %w", err)
	}
	return nil
}
