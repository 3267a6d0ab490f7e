package httpapi

import (
	"syscall"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func start(s *Server, c *call[none, none]) (none, error) {
	return none{}, s.engine.Start(c.ctx(), c.ref)
}

// StopRequest says how long the guest may take.
type StopRequest struct {
	Timeout *Duration `json:"timeout,omitempty" doc:"less than 0s is for ever; the machine's own lifecycle.stop_timeout where it is missing"`
}

func (q *StopRequest) options() manager.StopOptions {
	return manager.StopOptions{Timeout: (*time.Duration)(q.Timeout)}
}

func stop(s *Server, c *call[none, StopRequest]) (none, error) {
	return none{}, s.engine.Stop(c.ctx(), c.ref, c.body.options())
}

func restart(s *Server, c *call[none, StopRequest]) (none, error) {
	return none{}, s.engine.Restart(c.ctx(), c.ref, c.body.options())
}

// KillRequest says by which signal.
type KillRequest struct {
	Signal *Signal `json:"signal,omitempty" doc:"a name or a number; SIGKILL, which is also what is meant where it is missing, ends the machine"`
}

func (q *KillRequest) signal() syscall.Signal {
	if q.Signal == nil {
		return syscall.SIGKILL
	}
	return syscall.Signal(*q.Signal)
}

func kill(s *Server, c *call[none, KillRequest]) (none, error) {
	return none{}, s.engine.Kill(c.ctx(), c.ref, c.body.signal())
}

func pause(s *Server, c *call[none, none]) (none, error) {
	return none{}, s.engine.Pause(c.ctx(), c.ref)
}

func unpause(s *Server, c *call[none, none]) (none, error) {
	return none{}, s.engine.Unpause(c.ctx(), c.ref)
}

func wait(s *Server, c *call[none, none]) (instance.Exit, error) {
	return s.engine.Wait(c.ctx(), c.ref)
}
