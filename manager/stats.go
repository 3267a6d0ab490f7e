package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
)

// guestStatsTime is how long an instance's supervisor and its guest's agent may take to
// say what they count.
const guestStatsTime = 2 * time.Second

// Stats returns what a running instance uses.
func (m *Manager) Stats(ctx context.Context, ref string) (*Stats, error) {
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	s, err := m.stats(ctx, id)
	return s, failed(ref, "stats", err)
}

func (m *Manager) stats(ctx context.Context, id string) (*Stats, error) {
	d, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	s := &Stats{ID: d.ID, Name: d.Name, Time: time.Now(), VCPUs: d.VCPUs, MemoryLimit: d.MemoryLimit}
	if s.MemoryLimit == 0 {
		s.MemoryLimit = d.Memory
	}
	if !st.Status.Live() {
		return s, nil // nothing is used
	}
	if err := m.hostStats(s, st); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, guestStatsTime)
	defer cancel()
	s.Moving = m.moving(ctx, id)
	if st.Status != instance.Running {
		return s, nil // the agent does not answer
	}
	guest, err := m.guestStats(ctx, id)
	if err != nil {
		return s, nil // a guest without an agent is measured from outside alone
	}
	s.Guest, s.Processes = guest, guest.Processes
	for _, n := range guest.Networks {
		s.NetReceived += n.RxBytes
		s.NetTransmitted += n.TxBytes
	}
	return s, nil
}

// hostStats is what the host counts. The machine may end meanwhile.
func (m *Manager) hostStats(s *Stats, st *instance.State) error {
	if st.Cgroup == "" {
		rss, err := residentSize(st.Monitor)
		s.MemoryUsage = rss
		return ignoreGone(err)
	}
	g, err := m.dirs.groupStats(s.ID)
	s.CPUTime, s.MemoryUsage, s.BlockRead, s.BlockWritten = g.CPUTime, g.MemoryUsage, g.ReadBytes, g.WriteBytes
	return ignoreGone(err)
}

func ignoreGone(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// residentSize is the memory of a process, in bytes (proc(5), statm).
func residentSize(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("process %d: statm: %q", pid, b)
	}
	pages, err := strconv.ParseUint(f[1], 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// moving is how far an instance's move to another host is, as its supervisor says;
// nil where it does not: what is counted elsewhere is worth having without.
func (m *Manager) moving(ctx context.Context, id string) *MigrationProgress {
	reply, err := m.client(id).Do(ctx, supervisor.Request{Op: supervisor.OpInspect})
	if err != nil || reply.Monitor == nil {
		return nil
	}
	return (*MigrationProgress)(reply.Monitor.Moving)
}

func (m *Manager) guestStats(ctx context.Context, id string) (s *agent.Stats, err error) {
	err = m.withAgentOf(ctx, id, func(c *agent.Client) error {
		s, err = c.Stats(ctx)
		return err
	})
	return s, err
}
