package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// The kernel tells of neither death in version 1: it is looked for.
	firstPause = time.Millisecond
	lastPause  = 50 * time.Millisecond

	freezeTimeout = 10 * time.Second
	removeTimeout = 30 * time.Second
)

// until calls done with growing pauses until it says yes or fails, or ctx ends.
func until(ctx context.Context, done func() (bool, error)) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// Kill kills all processes in the group and below it, and returns when there are
// none, or when ctx ends. A frozen group is not frozen afterwards.
func (g *Group) Kill(ctx context.Context) error {
	err := until(ctx, func() (bool, error) {
		pids, err := g.Processes()
		if err != nil || len(pids) == 0 {
			return true, err
		}
		return false, g.killOnce()
	})
	if err == nil {
		err = g.thaw()
	}
	if err != nil {
		return fmt.Errorf("group %q: kill: %w", g.name, err)
	}
	return nil
}

// killOnce kills all processes that there are now.
func (g *Group) killOnce() error {
	if g.host.unified() {
		err := g.host.files.write(g.file("", "cgroup.kill"), "1")
		if err == nil || !errors.Is(err, os.ErrNotExist) { // it is there from Linux 5.14 on
			return err
		}
	}
	// A frozen process starts no other. That it cannot be frozen in time only
	// means another round.
	_ = g.setFrozen(true)
	err := g.signalAll(unix.SIGKILL)
	return errors.Join(err, g.thaw())
}

// signalAll signals all processes. A number is signalled only if it is in the
// group after the process that has it was pinned.
func (g *Group) signalAll(sig unix.Signal) error {
	pids, err := g.Processes()
	if err != nil {
		return err
	}
	pinned := map[int]int{}
	defer func() {
		for _, fd := range pinned {
			_ = unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		switch {
		case err == nil:
			pinned[pid] = fd
		case errors.Is(err, unix.EMFILE):
			if len(pinned) == 0 {
				return err
			}
		case !errors.Is(err, unix.ESRCH):
			return fmt.Errorf("process %d: %w", pid, err)
		}
	}
	still, err := g.Processes()
	if err != nil {
		return err
	}
	for pid, fd := range pinned {
		if !slices.Contains(still, pid) {
			continue
		}
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process %d: %w", pid, err)
		}
	}
	return nil
}

// Freeze stops all processes in the group and below it, or lets them go on. It
// returns when they have stopped, and fails, with none stopped, if some do not
// within 10 seconds.
func (g *Group) Freeze(frozen bool) error {
	if err := g.setFrozen(frozen); err != nil {
		return fmt.Errorf("group %q: freeze: %w", g.name, err)
	}
	if !frozen {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), freezeTimeout)
	defer cancel()
	err := until(ctx, g.isFrozen)
	if err != nil {
		return errors.Join(fmt.Errorf("group %q: freeze: %w", g.name, err), g.thaw())
	}
	return nil
}

// Files of the freezers: version 2's belongs to no controller.
const (
	freeze2 = "cgroup.freeze"
	freeze1 = "freezer.state"
)

func (g *Group) setFrozen(frozen bool) error {
	file, value := g.file("freezer", freeze1), "THAWED"
	if frozen {
		value = "FROZEN"
	}
	if g.host.unified() {
		file, value = g.file("", freeze2), "0"
		if frozen {
			value = "1"
		}
	}
	if file == "" {
		return fmt.Errorf("controller freezer: %w", errNotMounted)
	}
	return g.host.files.write(file, value)
}

// thaw lets a group go on, where there is one and it can have been stopped.
func (g *Group) thaw() error {
	err := g.setFrozen(false)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNotMounted) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

func (g *Group) isFrozen() (bool, error) {
	if g.host.unified() {
		text, err := read(g.file("", "cgroup.events"))
		return keyed(text, "frozen") == 1, err
	}
	text, err := read(g.file("freezer", freeze1))
	return strings.TrimSpace(text) == "FROZEN", err
}

// Remove removes the group and those below it when they have no processes any
// more: it waits for that until ctx ends, and for 30 seconds at most. A group
// that is gone is removed.
func (g *Group) Remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	var why error
	err := until(ctx, func() (bool, error) {
		why = nil
		for _, dir := range slices.Backward(g.paths()) {
			busy, err := removeTree(dir)
			if err != nil {
				return false, err
			}
			if why = busy; why != nil {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("group %q: remove: %w", g.name, errors.Join(why, err))
	}
	return nil
}

// removeTree removes a directory and those below it. What is in use is busy,
// which may pass.
func removeTree(dir string) (busy, err error) {
	dirs, err := subtree(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		err := unix.Rmdir(d)
		switch {
		case err == nil || errors.Is(err, unix.ENOENT):
		case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOTEMPTY):
			return fmt.Errorf("%s: %w", filepath.Base(d), err), nil
		default:
			return nil, fmt.Errorf("%s: %w", d, err)
		}
	}
	return nil, nil
}
