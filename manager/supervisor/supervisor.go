package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/store"
)

// Config is what a supervisor needs.
type Config struct {
	Store    *store.Store
	ID       string
	Launcher Launcher

	// Arrival brings the machine of an instance that another host has; nil for one that
	// starts here. Arrived is called when nothing more comes of it.
	Arrival Arrival
	Arrived func()
	// Left is called when the machine has moved to another host and the instance is not
	// to stay.
	Left func()

	// Listener takes requests. Run closes it.
	Listener *net.UnixListener
	// Group makes the control group of a run. A nil Group without an error is
	// none.
	Group func(d *instance.Description) (Group, error)

	// Console and Messages are the log's two streams.
	Console  io.Writer
	Messages io.Writer

	// Emit tells of what happened.
	Emit func(action string, attributes map[string]string)

	// Started is called once, when the first run has begun or could not.
	Started func(error)

	// Stop ends the instance when it is closed, by the host's will rather than a
	// user's.
	Stop <-chan struct{}
}

// Group is the control group of an instance.
type Group interface {
	Add(pid int) error
	Set(cpus configs.CPUQuota, memory uint64) error
	OOMKills() (uint64, error)
	Path() string
	// Clear ends what is left in it, and removes it.
	Clear(ctx context.Context) error
}

// supervisor looks after one instance. What is below is owned by the goroutine of
// Run.
type supervisor struct {
	Config
	console  *console
	requests chan *asked

	state    instance.State
	tries    int      // starts in a row by the policy
	hasty    int      // short runs in a row
	waiters  []*asked // for the end for good
	stoppers []*asked // for the end of the run
	keep     bool     // the instance stays when its machine has moved
}

// Run looks after the instance until it has ended and will not be started again.
// The caller has claimed it (store.Claim). An error says that it did not start, or
// that its end could not be written down.
func Run(ctx context.Context, c Config) error {
	s := &supervisor{Config: c, console: newConsole(c.Console), requests: make(chan *asked)}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.serve(ctx)
	}()
	err := s.live(ctx)
	s.console.close()
	// Who has not been answered learns that the supervisor is gone, and looks at
	// the state.
	cancel()
	if e := c.Listener.Close(); !errors.Is(e, net.ErrClosed) {
		err = errors.Join(err, e)
	}
	<-served
	return err
}

// live is the instance's life, run after run.
func (s *supervisor) live(ctx context.Context) error {
	state, err := s.Store.State(s.ID)
	if err != nil {
		s.Started(err)
		return err
	}
	s.state = *state
	first := func(ctx context.Context) (*run, error) { return s.begin(ctx, true) }
	if s.Arrival != nil {
		first = s.receive
	}
	r, err := first(ctx)
	if err != nil || s.Arrival == nil { // receive has said it otherwise
		s.Started(err)
	}
	if err != nil {
		return err
	}
	for {
		for r != nil {
			if r, err = s.watch(ctx, r); err != nil {
				return err
			}
		}
		if !s.rest(ctx) {
			s.answer(&s.waiters, nil)
			return nil
		}
		if r, err = s.begin(ctx, false); err != nil {
			if err := s.failAgain(ctx, err); err != nil {
				return err
			}
		}
	}
}

// put writes the state down.
func (s *supervisor) put(next instance.State) error {
	if err := s.Store.PutState(s.ID, &next); err != nil {
		return err
	}
	s.state = next
	return nil
}

// writePause is how long the supervisor waits until it tries again to write down
// what cannot be undone.
const writePause = time.Second

// mustPut writes the state as often as it takes: what it says has happened. It
// gives up when ctx ends.
func (s *supervisor) mustPut(ctx context.Context, next instance.State) error {
	for first := true; ; first = false {
		err := s.put(next)
		if err == nil {
			return nil
		}
		if first {
			s.say("%v; trying until it can be written", err)
		}
		select {
		case <-time.After(writePause):
		case <-ctx.Done():
			return err
		}
	}
}

// say tells the log.
func (s *supervisor) say(format string, args ...any) {
	// The log tells of its own failures.
	_, _ = fmt.Fprintf(s.Messages, "hull: "+format+"\n", args...)
}
