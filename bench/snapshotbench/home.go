package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/vmm"
)

// home is a home of Hull's of its own, with at most one instance at a time.
type home struct {
	place  *place
	dirs   manager.Dirs
	engine *manager.Manager
	config string // the machine file
	size   int64  // of the guest's memory, bytes
}

// instanceName is that of the one instance.
const instanceName = "bench"

func newHome(p *place, size int) (_ *home, err error) {
	h := &home{place: p, size: int64(size) << 20}
	state, err := os.MkdirTemp(p.dir, "home")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(state))
		}
	}()
	h.config = filepath.Join(state, "bench.toml")
	text := fmt.Sprintf("name = %q\n[memory]\nsize = \"%dMiB\"\novercommit = true\n[boot]\nkernel = %q\n[init]\nexec = [\"sh\", \"-c\", \"sleep 100000\"]\n",
		instanceName, size, p.options.bundle)
	machine, err := configs.Parse(h.config, []byte(text))
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	kernels := guest.DirsFromEnv(os.Getenv).Kernels
	if err := os.Symlink(kernels, filepath.Join(state, "kernels")); err != nil { // for commands
		return nil, err
	}
	h.dirs = manager.Dirs{State: state, Run: filepath.Join(state, "run"), Guest: guest.Dirs{
		Home: state, Kernels: kernels, Cache: filepath.Join(p.dir, "cache"), Programs: p.options.programs,
	}}
	// What the first machine of all has to make, and no other, is in the cache then.
	files, err := guest.Open(machine, h.dirs.Guest)
	if err != nil {
		return nil, err
	}
	if err := files.Close(); err != nil {
		return nil, err
	}
	h.engine, err = manager.Open(h.dirs, nil)
	return h, err
}

// removeTime is how long it may take to end and remove all of a home.
const removeTime = 2 * time.Minute

// end removes all instances.
func (h *home) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	all, err := h.engine.List(ctx, manager.ListOptions{All: true})
	for i := range all {
		err = errors.Join(err, h.engine.Remove(ctx, all[i].ID, manager.RemoveOptions{Force: true}))
	}
	return err
}

func (h *home) remove() error { return errors.Join(h.end(), os.RemoveAll(h.dirs.State)) }

// hull runs a command of Hull's.
func (h *home) hull(ctx context.Context, args ...string) error {
	var complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(h.dirs.Guest.Programs, "hull"), args...)
	cmd.Env = append(os.Environ(), "HULL_HOME="+h.dirs.State, "HULL_RUN_DIR="+h.dirs.Run, "HULL_CACHE_DIR="+h.dirs.Guest.Cache, "HULL_PROGRAMS="+h.dirs.Guest.Programs)
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("hull %s: %w: %s", args[0], err, bytes.TrimSpace(complaints.Bytes()))
	}
	return nil
}

// begun is how a machine began, since its command was executed.
type begun struct {
	entry, answer, done time.Duration
	monitor             time.Duration // from its monitor's start to the first entry
}

// begin runs a command that makes the home's one instance.
func (h *home) begin(ctx context.Context, args ...string) (b begun, err error) {
	if err := h.place.entries.Start(); err != nil {
		return b, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := measure.Monotonic()
	ended := make(chan error, 1)
	go func() {
		err := h.hull(ctx, args...)
		b.done = measure.Monotonic() - start
		if err != nil {
			cancel(err) // nobody will answer
		}
		ended <- err
	}()
	answer, err := answered(ctx, ofInstance(h.dirs.Run))
	if failed := <-ended; failed != nil {
		return b, failed
	}
	if err != nil {
		return b, err
	}
	b.answer = answer - start
	entry, err := h.place.entries.First()
	if err != nil {
		return b, err
	}
	b.entry = entry - start
	d, err := h.engine.Inspect(ctx, instanceName)
	if err != nil {
		return b, err
	}
	b.monitor, err = ranAt(d.Monitor)
	return b, err
}

// ranAt is when a monitor let its guest run, since its own start.
func ranAt(m *supervisor.Monitor) (time.Duration, error) {
	if m != nil {
		for _, mark := range m.Timeline {
			if mark.Name == vmm.MarkRun {
				return mark.At, nil
			}
		}
	}
	return 0, errors.New("the monitor does not say when it let its guest run")
}

// memory is what the instance's monitor has.
func (h *home) memory(ctx context.Context) (measure.Split, error) {
	d, err := h.engine.Inspect(ctx, instanceName)
	if err != nil {
		return measure.Split{}, err
	}
	return measure.Memory(d.State.Monitor, h.size)
}

// settle lets a machine come to rest.
func (p *place) settle(ctx context.Context) error {
	select {
	case <-time.After(p.options.settle):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
