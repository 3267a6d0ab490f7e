package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/manager"
)

// measureClones makes many machines of one snapshot, by one command, and looks at what
// each has.
func measureClones(ctx context.Context, p *place, _ int) (_ values, err error) {
	h, err := newHome(p, p.options.sizes[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.remove()) }()
	if _, err := h.begin(ctx, "boot", "-d", "--name", instanceName, h.config); err != nil {
		return nil, err
	}
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	if err := h.snapshot(ctx, make(values), "", 0, manager.SnapshotOptions{Name: snapshotName}); err != nil {
		return nil, err
	}
	if err := h.end(); err != nil {
		return nil, err
	}
	before, err := measure.Available()
	if err != nil {
		return nil, err
	}
	n := p.options.clones
	begin := time.Now()
	if err := h.hull(ctx, "clone", "-n", fmt.Sprint(n), snapshotName); err != nil {
		return nil, err
	}
	v := values{"clones-rate": float64(n) / time.Since(begin).Seconds()}
	if err := p.settle(ctx); err != nil {
		return v, err
	}
	after, err := measure.Available()
	if err != nil {
		return v, err
	}
	v["clones-host"] = mib(before-after) / float64(n)
	all, err := h.engine.List(ctx, manager.ListOptions{})
	if err != nil {
		return v, err
	}
	if len(all) != n {
		return v, fmt.Errorf("of %d clones %d run", n, len(all))
	}
	var sum measure.Split
	var total int64
	for i := range all {
		s, err := measure.Memory(all[i].State.Monitor, h.size)
		if err != nil {
			return v, err
		}
		total += s.Total() + s.Guest
		sum.GuestPrivate += s.GuestPrivate
		sum.Private += s.Private
	}
	v["clones-pss"] = mib(total) / float64(n)
	v["clones-guest"], v["clones-monitor"] = mib(sum.GuestPrivate)/float64(n), mib(sum.Private)/float64(n)
	return v, nil
}
