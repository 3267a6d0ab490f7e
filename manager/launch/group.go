package launch

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/cgroup"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
)

// Group makes the control group of an instance, with its limits. Where this host
// lets nobody make one there is none, which is a failure for an instance that has
// limits. What an earlier supervisor left in it is ended.
func Group(ctx context.Context, dirs manager.Dirs, d *instance.Description) (supervisor.Group, error) {
	if err := cgroup.Available(); err != nil {
		if d.CPUs != 0 || d.MemoryLimit != 0 {
			return nil, &instance.Error{Kind: instance.KindUnsupported, Err: fmt.Errorf("limits: this host has no control group for the instance: %w; leave out [limits], or run as root on a host with cgroups", err)}
		}
		return nil, nil
	}
	name := dirs.GroupName(d.ID)
	limits := limitsOf(d.CPUs, d.MemoryLimit)
	g, err := cgroup.Create(name, limits)
	if errors.Is(err, os.ErrExist) {
		if g, err = cgroup.Open(name); err == nil {
			if err = (&group{g}).Clear(ctx); err == nil {
				g, err = cgroup.Create(name, limits)
			}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("control group: %w", err)
	}
	return &group{g}, nil
}

func limitsOf(cpus configs.CPUQuota, memory uint64) cgroup.Limits {
	return cgroup.Limits{CPUs: cpus.Processors(), Memory: memory}
}

type group struct{ *cgroup.Group }

func (g *group) Set(cpus configs.CPUQuota, memory uint64) error {
	return g.Group.Set(limitsOf(cpus, memory))
}

func (g *group) OOMKills() (uint64, error) {
	s, err := g.Stats()
	return s.OOMKills, err
}

func (g *group) Clear(ctx context.Context) error {
	return errors.Join(g.Kill(ctx), g.Remove(ctx))
}
