package manager

import (
	"context"
	"errors"
	"os"

	"github.com/hullvm/hull/manager/cgroup"
	"github.com/hullvm/hull/manager/instance"
)

// GroupName is what the control group of an instance is called.
func GroupName(id string) string { return instance.ShortID(id) }

// clearGroup ends what is left in an instance's control group, and removes it. One
// that is not there is no failure.
func clearGroup(ctx context.Context, id string) error {
	g, err := cgroup.Open(GroupName(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(g.Kill(ctx), g.Remove(ctx))
}

// groupStats is what an instance's control group counts.
func groupStats(id string) (cgroup.Stats, error) {
	g, err := cgroup.Open(GroupName(id))
	if err != nil {
		return cgroup.Stats{}, err
	}
	return g.Stats()
}
