package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
)

// run is one run of the machine.
type run struct {
	description *instance.Description
	config      *configs.Machine
	machine     Machine
	group       Group // nil for none
	oomKills    uint64

	console     *os.File      // our end
	consoleDone chan struct{} // all of it is read

	began     time.Time
	killed    bool
	unsure    bool             // a pause was not answered in time: the state may not say it
	why       string           // it was killed, where nobody asked for it
	impatient <-chan time.Time // the guest's time to end is over
	saving    *saving          // nil unless the machine is being written down
	moving    *moving          // nil unless it is on its way to another host
	gone      *Migrated        // it has moved there, and ends here
	movers    []*asked         // who are told when that has ended
}

// patience gives the guest so long to end; a later word counts.
func (r *run) patience(d time.Duration) { r.impatient = time.After(d) }

// startTime bounds the way from the start of a monitor to its guest.
const startTime = 2 * time.Minute

// begin starts a run, and returns when its vCPUs are in the guest and the state
// says so. The first run of a supervisor resets what earlier ones counted.
func (s *supervisor) begin(ctx context.Context, first bool) (*run, error) {
	r, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	next := s.state
	if err := next.Move(instance.Running); err != nil {
		return nil, errors.Join(&instance.Error{Kind: instance.KindWrongState, Err: err}, s.abandon(r))
	}
	next.Exit, next.Finished = nil, time.Time{}
	next.Restarting, next.RestartAt, next.ByUser = false, time.Time{}, false
	if first {
		next.Restarts = 0
	} else {
		next.Restarts++
	}
	if err := s.enter(ctx, r, next); err != nil {
		return nil, err
	}
	action := events.Start
	if !first {
		action = events.Restart
	}
	s.Emit(action, nil)
	return r, nil
}

// enter writes the state of a run down and lets its vCPUs go. Where that fails
// the state is what it was.
func (s *supervisor) enter(ctx context.Context, r *run, next instance.State) error {
	before := s.state
	s.describeRun(r, &next)
	if err := s.put(next); err != nil {
		return errors.Join(err, s.abandon(r))
	}
	start, cancel := context.WithTimeout(ctx, monitorTime)
	defer cancel()
	if err := r.machine.Run(start); err != nil {
		return errors.Join(err, s.abandon(r), s.put(before))
	}
	return nil
}

// describeRun puts into a state what there is of a run.
func (s *supervisor) describeRun(r *run, next *instance.State) {
	next.Started = r.began
	next.Supervisor, next.Monitor = os.Getpid(), r.machine.PID()
	next.Published = r.machine.Published()
	next.Held, next.NotHeld = r.machine.Held()
	next.Cgroup = ""
	if r.group != nil {
		next.Cgroup = r.group.Path()
	}
}

// open starts a monitor in its control group.
func (s *supervisor) open(ctx context.Context) (_ *run, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, fmt.Errorf("the monitor was not ready within %v", startTime))
	defer cancel()
	d, err := s.Store.Description(s.ID)
	if err != nil {
		return nil, err
	}
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	config.Balloon.Size = configs.Size(d.Balloon)
	r := &run{description: d, config: config, began: time.Now(), consoleDone: make(chan struct{})}
	if r.group, err = s.Group(d); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil && r.group != nil {
			err = errors.Join(err, r.group.Clear(context.WithoutCancel(ctx)))
		}
	}()
	if r.group != nil {
		if r.oomKills, err = r.group.OOMKills(); err != nil {
			return nil, err
		}
	}
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	r.console = ours
	r.machine, err = s.Launcher.Start(ctx, Launch{
		Description: d, Machine: config, First: s.state.Started.IsZero(), Incoming: s.state.Status == instance.Receiving, Console: theirs, Messages: s.Messages,
		Placed: func(pid int) error {
			if r.group == nil {
				return nil
			}
			return r.group.Add(pid)
		},
	})
	if err != nil {
		return nil, errors.Join(err, ours.Close())
	}
	go func() {
		defer close(r.consoleDone)
		s.console.run(ours)
	}()
	return r, nil
}

func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("console: socketpair: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "console"), os.NewFile(uintptr(fds[1]), "console"), nil
}

// abandon ends a run that has not begun.
func (s *supervisor) abandon(r *run) error {
	r.machine.Kill()
	<-r.machine.Ended()
	_, err := s.release(r)
	return err
}

// Bounds of what is waited for when a monitor has ended.
const (
	lastWords = 5 * time.Second
	clearTime = 15 * time.Second
)

// release lets go of all that an ended run had, and says whether the kernel has
// ended something in it for want of memory.
func (s *supervisor) release(r *run) (oom bool, err error) {
	select {
	case <-r.consoleDone:
	case <-time.After(lastWords): // another process must have got hold of it
	}
	err = r.console.Close()
	<-r.consoleDone
	err = errors.Join(err, r.machine.Close())
	if r.group == nil {
		return false, err
	}
	kills, e := r.group.OOMKills()
	ctx, cancel := context.WithTimeout(context.Background(), clearTime)
	defer cancel()
	return kills > r.oomKills, errors.Join(err, e, r.group.Clear(ctx))
}
