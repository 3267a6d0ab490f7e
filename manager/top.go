package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/agent"
)

// maxProcessList bounds what is read of a guest's list of processes, in bytes.
const maxProcessList = 16 << 20

// Top lists the processes of a running guest.
func (m *Manager) Top(ctx context.Context, ref string) ([]Process, error) {
	var said []agent.ProcessInfo
	err := m.withAgent(ctx, ref, "top", func(c *agent.Client) error {
		return askJSON(ctx, c, &said, maxProcessList, "processes")
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
