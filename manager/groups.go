package manager

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	"github.com/hullvm/hull/manager/cgroup"
	"github.com/hullvm/hull/manager/instance"
)

// GroupName is what the control group of an instance is called: not as that of one in
// other folders of this host, which has the same id while a machine moves from one
// to the other.
func (d Dirs) GroupName(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.State)) // never fails
	return fmt.Sprintf("%s-%08x", instance.ShortID(id), h.Sum32())
}

// clearGroup ends what is left in an instance's control group, and removes it. One
// that is not there is no failure.
func (d Dirs) clearGroup(ctx context.Context, id string) error {
	g, err := cgroup.Open(d.GroupName(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(g.Kill(ctx), g.Remove(ctx))
}

// groupStats is what an instance's control group counts.
func (d Dirs) groupStats(id string) (cgroup.Stats, error) {
	g, err := cgroup.Open(d.GroupName(id))
	if err != nil {
		return cgroup.Stats{}, err
	}
	return g.Stats()
}
