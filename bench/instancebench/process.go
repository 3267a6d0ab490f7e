package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/hullvm/hull/bench/measure"
)

// ready is what the guest's main process says.
const ready = "BENCH-READY"

// cmdline is every machine's.
const cmdline = "console=ttyS0 quiet loglevel=1 nokaslr panic=-1 " +
	"i8042.noaux i8042.nokbd i8042.nopnp i8042.dumbkbd cryptomgr.notests random.trust_cpu=on"

// place is where machines are run.
type place struct {
	options options
	dir     string // for sockets
}

// monitor is one way to run a machine.
type monitor struct {
	name string
	// start starts a machine's process, calls placed as soon as it has been executed,
	// and returns when its control socket has answered. No instruction of the guest
	// has run then.
	start func(ctx context.Context, x place, placed func(pid int)) (*process, error)
}

var peers = []monitor{
	{name: hullColumn, start: startHull},
	{name: "qemu q35", start: startQEMU("q35")},
	{name: "qemu microvm", start: startQEMU("microvm,acpi=on,rtc=on")},
}

// process is a monitor that has answered.
type process struct {
	pid     int
	console *measure.Watcher // for ready
	resume  func(context.Context) error

	greeted time.Duration // since its execution, until its socket's first word

	// At the moment of its first answer: the machine is built by then.
	wall, cpu time.Duration
	faults    uint64

	closers []func() error
}

func (p *process) onClose(f func() error) { p.closers = append(p.closers, f) }

// close ends the process, and undoes what came before it, the last first.
func (p *process) close() error {
	var errs []error
	for _, f := range slices.Backward(p.closers) {
		errs = append(errs, f())
	}
	p.closers = nil
	return errors.Join(errs...)
}

// answered takes the account of a process that was executed at begin and has
// answered just now.
func (p *process) answered(begin time.Time) (err error) {
	p.wall = time.Since(begin)
	if p.cpu, err = measure.CPUTime(p.pid); err != nil {
		return err
	}
	s, err := measure.StatOf(p.pid)
	p.faults = s.MinorFaults + s.MajorFaults
	return err
}

// listen makes a control socket before there is who answers at it, so that nobody has
// to try twice. The file is for the process.
func (p *process) listen(dir string) (path string, file *os.File, err error) {
	path = filepath.Join(dir, "control.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return "", nil, err
	}
	l.SetUnlinkOnClose(false)
	p.onClose(func() error { return os.Remove(path) })
	file, err = l.File()
	return path, file, errors.Join(err, l.Close())
}

// watch reads a console to its end.
func (p *process) watch(console io.ReadCloser) {
	p.console = measure.NewWatcher(ready)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(p.console, console) // it ends with the process
	}()
	p.onClose(func() error {
		err := console.Close()
		<-done
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		return err
	})
}

// measureStart is one process from its execution to its first answer.
func (x place) measureStart(ctx context.Context, m monitor) (_ map[string]float64, err error) {
	ctx, cancel := x.limit(ctx)
	defer cancel()
	p, err := m.start(ctx, x, nil)
	if err != nil {
		return nil, err
	}
	return map[string]float64{
		"start-greeting": ms(p.greeted), "start-wall": ms(p.wall), "start-cpu": ms(p.cpu), "start-faults": float64(p.faults),
	}, p.close()
}

func (x place) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	t := x.options.timeout
	return context.WithTimeoutCause(ctx, t, fmt.Errorf("not done after %v", t))
}
