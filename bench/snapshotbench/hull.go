package main

import (
	"context"
	"errors"

	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/manager"
)

// snapshotName is that of the one snapshot of a home.
const snapshotName = "bench"

// measureHull boots a machine, makes a snapshot of it, and restores that.
func measureHull(ctx context.Context, p *place, size int) (_ values, err error) {
	h, err := newHome(p, size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.remove()) }()
	v := make(values)
	b, err := h.begin(ctx, "boot", "-d", "--name", instanceName, h.config)
	if err != nil {
		return v, err
	}
	v[id("boot-entry", size)], v[id("boot-answer", size)], v[id("boot-monitor", size)] = ms(b.entry), ms(b.answer), ms(b.monitor)
	if err := p.settle(ctx); err != nil {
		return v, err
	}
	if p.options.live {
		if err := h.snapshot(ctx, v, "live-", size, manager.SnapshotOptions{Name: "live", Live: true}); err != nil {
			return v, err
		}
	}
	if err := h.snapshot(ctx, v, "", size, manager.SnapshotOptions{Name: snapshotName}); err != nil {
		return v, err
	}
	if err := h.end(); err != nil {
		return v, err
	}
	if b, err = h.begin(ctx, "restore", "-d", snapshotName); err != nil {
		return v, err
	}
	v[id("restore-entry", size)], v[id("restore-answer", size)] = ms(b.entry), ms(b.answer)
	v[id("restore-monitor", size)], v[id("restore-done", size)] = ms(b.monitor), ms(b.done)
	return v, nil
}

// snapshot makes a snapshot of the home's instance, and adds how long that took.
func (h *home) snapshot(ctx context.Context, v values, prefix string, size int, o manager.SnapshotOptions) error {
	begin := measure.Monotonic()
	if _, err := h.engine.CreateSnapshot(ctx, instanceName, o); err != nil {
		return err
	}
	v[id(prefix+"create", size)] = ms(measure.Monotonic() - begin)
	d, err := h.engine.InspectSnapshot(ctx, o.Name)
	if err != nil {
		return err
	}
	v[id(prefix+"pause", size)] = ms(d.Pause)
	return nil
}

// measureRest looks at a machine that has booted, and at one that was restored, when
// they do nothing any more; and then makes a clone, for the containers.
func measureRest(ctx context.Context, p *place, _ int) (_ values, err error) {
	h, err := newHome(p, p.options.sizes[0])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.remove()) }()
	v := make(values)
	if _, err := h.begin(ctx, "boot", "-d", "--name", instanceName, h.config); err != nil {
		return v, err
	}
	if err := p.settle(ctx); err != nil {
		return v, err
	}
	booted, err := h.memory(ctx)
	if err != nil {
		return v, err
	}
	v["rest-booted"] = mib(booted.Total())
	if err := h.snapshot(ctx, make(values), "", 0, manager.SnapshotOptions{Name: snapshotName}); err != nil {
		return v, err
	}
	if err := h.end(); err != nil {
		return v, err
	}
	if _, err := h.begin(ctx, "restore", "-d", snapshotName); err != nil {
		return v, err
	}
	if err := p.settle(ctx); err != nil {
		return v, err
	}
	restored, err := h.memory(ctx)
	if err != nil {
		return v, err
	}
	v["rest-restored"], v["rest-own"] = mib(restored.Total()), mib(restored.Private)
	if err := h.end(); err != nil {
		return v, err
	}
	clone, err := h.begin(ctx, "clone", "--name", instanceName, snapshotName)
	if err != nil {
		return v, err
	}
	v["container-answer"] = ms(clone.answer)
	return v, nil
}
