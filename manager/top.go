package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/agent"
)

// maxProcessList bounds what is read of a guest's list of processes, in bytes.
const maxProcessList = 16 << 20

// guestProcess is a process in the answer of the agent's built-in.
type guestProcess struct {
	PID     int           `json:"pid"`
	PPID    int           `json:"ppid"`
	UID     uint32        `json:"uid"`
	State   string        `json:"state"`
	CPU     time.Duration `json:"cpu"`
	Age     time.Duration `json:"age"`
	RSS     uint64        `json:"rss"`
	TTY     string        `json:"tty"`
	Command string        `json:"command"`
}

// Top lists the processes of a running guest.
func (m *Manager) Top(ctx context.Context, ref string) ([]Process, error) {
	var said []guestProcess
	err := m.withAgent(ctx, ref, "top", func(c *agent.Client) error {
		return askJSON(ctx, c, &said, maxProcessList, "processes")
	})
	if err != nil {
		return nil, err
	}
	list := make([]Process, len(said))
	for i, p := range said {
		list[i] = Process{PID: p.PID, PPID: p.PPID, UID: p.UID, State: p.State, CPUTime: p.CPU, Age: p.Age, RSS: p.RSS, TTY: p.TTY, Command: p.Command}
	}
	return list, nil
}
