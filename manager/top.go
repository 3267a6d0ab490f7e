package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/agent"
)

// Top lists the processes of a running guest.
func (m *Manager) Top(ctx context.Context, ref string) ([]Process, error) {
	var said []agent.ProcessInfo
	err := m.withAgent(ctx, ref, "top", func(c *agent.Client) error {
		var err error
		said, err = c.Processes(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]Process, len(said))
	for i, p := range said {
		list[i] = Process{PID: p.PID, PPID: p.PPID, UID: p.UID, State: p.State, CPUTime: p.CPUTime, Age: time.Since(p.Start), RSS: p.RSS, TTY: p.TTY, Command: p.Command}
	}
	return list, nil
}
