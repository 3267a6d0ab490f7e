package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager"
)

// lists are homes with instances that do not run.
type lists struct {
	hull  string
	dir   string
	homes []home
}

type home struct {
	count int
	dirs  manager.Dirs
}

// makeLists makes the instances.
func makeLists(ctx context.Context, o options) (_ *lists, err error) {
	l := &lists{hull: filepath.Join(o.programs, "hull")}
	if l.dir, err = os.MkdirTemp("", "bench-list"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.remove()
		}
	}()
	machine, err := configs.Parse("bench.toml", []byte("[boot]\nkernel = \"debian-cloud\"\n[init]\nexec = [\"true\"]\n"))
	if err != nil {
		return nil, err
	}
	for _, count := range []int{1, o.instances} {
		state := filepath.Join(l.dir, fmt.Sprint(count))
		h := home{count: count, dirs: manager.Dirs{State: state, Run: filepath.Join(state, "run"), Guest: guest.Dirs{Home: state}}}
		if err := h.fill(ctx, machine); err != nil {
			return nil, err
		}
		l.homes = append(l.homes, h)
		if o.instances == 1 {
			break
		}
	}
	return l, nil
}

func (l *lists) remove() { _ = os.RemoveAll(l.dir) }

func (h *home) fill(ctx context.Context, machine *configs.Machine) error {
	m, err := manager.Open(h.dirs, nil)
	if err != nil {
		return err
	}
	for range h.count {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if _, err := m.Create(ctx, manager.CreateOptions{Machine: machine}); err != nil {
			return err
		}
	}
	return nil
}

// measure lists each home, in this process and by the command.
func (l *lists) measure(ctx context.Context) (map[string]float64, error) {
	values := make(map[string]float64)
	for _, h := range l.homes {
		if err := h.list(ctx, values); err != nil {
			return values, err
		}
		if err := h.ps(ctx, l.hull, values); err != nil {
			return values, err
		}
	}
	return values, nil
}

func (h *home) list(ctx context.Context, values map[string]float64) error {
	runtime.GC() // what was before does not count
	before, begin := ownTime(), time.Now()
	m, err := manager.Open(h.dirs, nil)
	if err != nil {
		return err
	}
	all, err := m.List(ctx, manager.ListOptions{All: true})
	if err != nil {
		return err
	}
	wall, cpu := time.Since(begin), ownTime()-before
	if len(all) != h.count {
		return fmt.Errorf("a list of %d instances has %d", h.count, len(all))
	}
	values[fmt.Sprintf("list-%d-wall", h.count)] = ms(wall)
	values[fmt.Sprintf("list-%d-cpu", h.count)] = ms(cpu)
	return nil
}

// ownTime is the CPU time of this process.
func ownTime() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // it cannot fail for that
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (h *home) ps(ctx context.Context, hull string, values map[string]float64) error {
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(ctx, hull, "ps", "-a")
	cmd.Env = append(os.Environ(), "HULL_HOME="+h.dirs.State, "HULL_RUN_DIR="+h.dirs.Run)
	cmd.Stdout, cmd.Stderr = &out, &complaints
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	if err != nil {
		return fmt.Errorf("hull ps -a: %w: %s", err, bytes.TrimSpace(complaints.Bytes()))
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")) - 1; n != h.count {
		return errors.New("hull ps -a: " + fmt.Sprintf("of %d instances it lists %d", h.count, n))
	}
	values[fmt.Sprintf("ps-%d-wall", h.count)] = ms(wall)
	values[fmt.Sprintf("ps-%d-cpu", h.count)] = ms(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	return nil
}
