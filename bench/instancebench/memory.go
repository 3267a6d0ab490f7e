package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hullvm/hull/bench/measure"
)

// sampleTime is how long passes between two looks at a process's memory.
const sampleTime = 10 * time.Millisecond

// sampler looks at a process's memory again and again.
type sampler struct {
	look func() (int64, error)
	stop chan struct{}
	wait sync.WaitGroup

	most  int64 // bytes
	looks int
	err   error // why a look failed
}

// newSampler begins to look, every so often.
func newSampler(every time.Duration, look func() (int64, error)) *sampler {
	s := &sampler{look: look, stop: make(chan struct{})}
	s.wait.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			n, err := s.look()
			if err != nil {
				s.err = err
				return
			}
			s.most = max(s.most, n)
			s.looks++
			select {
			case <-tick.C:
			case <-s.stop:
				return
			}
		}
	})
	return s
}

// end is the most that was seen.
func (s *sampler) end() (int64, error) {
	close(s.stop)
	s.wait.Wait()
	return s.most, s.err
}

// measureMemory is one machine, from its monitor's execution until it rests.
func (x place) measureMemory(ctx context.Context, m monitor) (_ map[string]float64, err error) {
	ctx, cancel := x.limit(ctx)
	defer cancel()
	size := int64(x.options.memory) << 20
	var peak *sampler
	p, err := m.start(ctx, x, func(pid int) {
		peak = newSampler(sampleTime, func() (int64, error) { return measure.Overhead(pid, size) })
	})
	if err != nil {
		if peak != nil {
			_, _ = peak.end() // what comes first says more
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	bootErr := p.boot(ctx)
	most, err := peak.end()
	if err := errors.Join(bootErr, err); err != nil {
		return nil, err
	}
	values := map[string]float64{"mem-peak": mib(most)}
	select {
	case <-time.After(x.options.settle):
	case <-ctx.Done():
		return values, context.Cause(ctx)
	}
	return values, atRest(p.pid, size, values)
}

// boot lets the guest run until it is ready.
func (p *process) boot(ctx context.Context) error {
	if err := p.resume(ctx); err != nil {
		return err
	}
	select {
	case <-p.console.Seen():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// atRest adds what a process has at rest.
func atRest(pid int, size int64, values map[string]float64) error {
	s, err := measure.Memory(pid, size)
	if err != nil {
		return err
	}
	for id, bytes := range map[string]int64{
		"mem-rest": s.Total(), "mem-private": s.Private, "mem-program": s.Program, "mem-data": s.Data,
		"mem-heap": s.Heap, "mem-other": s.Other, "mem-kvm": s.KVM,
	} {
		values[id] = mib(bytes)
	}
	tables, err := measure.PageTables(pid)
	if err != nil {
		return err
	}
	values["mem-tables"] = mib(tables)
	stat, err := measure.StatOf(pid)
	if err != nil {
		return err
	}
	values["threads"] = float64(stat.Threads)
	return nil
}
