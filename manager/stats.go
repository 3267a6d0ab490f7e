package manager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
)

// Bounds of what a guest's agent says of itself: how long it may take, and how much
// of it is read, in bytes.
const (
	guestStatsTime = 2 * time.Second
	maxGuestStats  = 1 << 20
)

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
	if err := hostStats(s, st); err != nil {
		return nil, err
	}
	if st.Status != instance.Running {
		return s, nil // the agent does not answer
	}
	ctx, cancel := context.WithTimeout(ctx, guestStatsTime)
	defer cancel()
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
func hostStats(s *Stats, st *instance.State) error {
	if st.Cgroup == "" {
		rss, err := residentSize(st.Monitor)
		s.MemoryUsage = rss
		return ignoreGone(err)
	}
	g, err := groupStats(s.ID)
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

func (m *Manager) guestStats(ctx context.Context, id string) (*agent.Stats, error) {
	s := new(agent.Stats)
	return s, m.withAgentOf(ctx, id, func(c *agent.Client) error { return askJSON(ctx, c, s, maxGuestStats, "stats") })
}

// askJSON has a built-in of the guest's say something.
func askJSON(ctx context.Context, c *agent.Client, into any, most int, args ...string) error {
	said := &capped{most: most}
	if err := builtin(ctx, c, nil, said, args...); err != nil {
		return err
	}
	if err := json.NewDecoder(bytes.NewReader(said.Bytes())).Decode(into); err != nil {
		return fmt.Errorf("the guest's answer to %q: %w", args[0], err)
	}
	return nil
}
