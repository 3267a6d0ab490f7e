package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager"
)

// machines are instances that are started at once.
type machines struct {
	options options
	engine  *manager.Manager
	ids     []string
	sockets []string // where their agents answer
}

// measureFleet starts the machines, waits until each one's agent has answered, and
// looks at them all.
func measureFleet(ctx context.Context, o options) (_ map[string]float64, err error) {
	dir, err := os.MkdirTemp("", "bench-fleet")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := makeFleet(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.remove()) }()
	before, err := measure.Available()
	if err != nil {
		return nil, err
	}
	values, err := f.start(ctx)
	if err != nil {
		return values, err
	}
	select {
	case <-time.After(o.settle):
	case <-ctx.Done():
		return values, context.Cause(ctx)
	}
	after, err := measure.Available()
	if err != nil {
		return values, err
	}
	values["fleet-host"] = mib(before-after) / float64(o.vms)
	return values, f.account(ctx, values)
}

// makeFleet makes the instances, and what they have in common: the kernel in the
// cache and the initrd.
func makeFleet(ctx context.Context, o options, dir string) (_ *machines, err error) {
	found := guest.DirsFromEnv(os.Getenv)
	d := manager.Dirs{State: dir, Run: filepath.Join(dir, "run"), Guest: guest.Dirs{
		Home: dir, Kernels: found.Kernels, Cache: filepath.Join(dir, "cache"), Programs: o.programs,
	}}
	text := fmt.Sprintf("[memory]\nsize = \"%dMiB\"\n[boot]\nkernel = %q\n[init]\nexec = [\"sh\", \"-c\", \"sleep 100000\"]\n", o.vmMemory, o.bundle)
	machine, err := configs.Parse("bench.toml", []byte(text))
	if err != nil {
		return nil, err
	}
	f := &machines{options: o}
	if f.engine, err = manager.Open(d, nil); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.remove())
		}
	}()
	for range o.vms {
		created, err := f.engine.Create(ctx, manager.CreateOptions{Machine: machine})
		if err != nil {
			return nil, err
		}
		f.ids = append(f.ids, created.ID)
		config, err := created.Config()
		if err != nil {
			return nil, err
		}
		if f.sockets = append(f.sockets, config.Vsock.Path); len(f.sockets) > 1 {
			continue
		}
		files, err := guest.Open(config, d.Guest)
		if err != nil {
			return nil, err
		}
		if err := files.Close(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// start starts all, and returns when each agent has answered, or is overdue.
func (f *machines) start(ctx context.Context) (map[string]float64, error) {
	limit := f.options.fleetTimeout
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer after %v", limit))
	defer cancel()
	answered := make([]time.Duration, len(f.ids))
	failures := make([]error, len(f.ids))
	var wait sync.WaitGroup
	begin := time.Now()
	for i := range f.ids {
		wait.Go(func() {
			failures[i] = f.await(ctx, i)
			answered[i] = time.Since(begin)
		})
	}
	wait.Wait()
	var first, last time.Duration
	failed := 0
	for i, err := range failures {
		switch {
		case err != nil:
			failed++
		case first == 0 || answered[i] < first:
			first = answered[i]
		}
		last = max(last, answered[i])
	}
	if failed > 0 {
		return nil, fmt.Errorf("%d of %d: %w", failed, len(f.ids), errors.Join(failures...))
	}
	return map[string]float64{"fleet-first": ms(first), "fleet-last": ms(last)}, nil
}

// pingPause is how long passes between two tries to reach an agent.
const pingPause = 20 * time.Millisecond

// await starts one machine and waits until its agent has answered.
func (f *machines) await(ctx context.Context, i int) error {
	if err := f.engine.Start(ctx, f.ids[i]); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		exit, err := f.engine.Wait(ctx, f.ids[i])
		if err == nil {
			err = fmt.Errorf("the machine ended before its agent answered: %v", exit)
		}
		cancel(err)
	}()
	for {
		if ping(ctx, f.sockets[i]) == nil {
			return nil
		}
		select {
		case <-time.After(pingPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func ping(ctx context.Context, socket string) error {
	conn, err := unixsock.Connect(ctx, socket, agent.VsockPort)
	if err != nil {
		return err
	}
	client, err := agent.NewClient(ctx, conn)
	if err != nil {
		return err
	}
	return errors.Join(client.Ping(ctx), client.Close())
}

// account adds the means of what the machines have.
func (f *machines) account(ctx context.Context, values map[string]float64) error {
	size := int64(f.options.vmMemory) << 20
	for _, id := range f.ids {
		d, err := f.engine.Inspect(ctx, id)
		if err != nil {
			return err
		}
		monitor, err := measure.Memory(d.State.Monitor, size)
		if err != nil {
			return err
		}
		supervisor, err := measure.Overhead(d.State.Supervisor, 1<<40)
		if err != nil {
			return err
		}
		n := float64(len(f.ids))
		values["fleet-guest"] += mib(monitor.Guest) / n
		values["fleet-vmm"] += mib(monitor.Total()) / n
		values["fleet-supervisor"] += mib(supervisor) / n
	}
	return nil
}

// removeTime is how long each machine may take to be ended and removed.
const removeTime = time.Minute

func (f *machines) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	errs := make([]error, len(f.ids))
	var wait sync.WaitGroup
	for i, id := range f.ids {
		wait.Go(func() { errs[i] = f.engine.Remove(ctx, id, manager.RemoveOptions{Force: true}) })
	}
	wait.Wait()
	return errors.Join(errs...)
}
