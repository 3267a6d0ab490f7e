package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals/host"
)

// launcher starts monitors for one instance.
type launcher struct{ dirs manager.Dirs }

// Start starts a monitor whose machine is built.
func (l *launcher) Start(ctx context.Context, x supervisor.Launch) (_ supervisor.Machine, err error) {
	defer x.Console.Close() // the monitor has its own
	begin, err := l.beginning(ctx, x)
	if err != nil {
		return nil, err
	}
	defer begin.close()
	m := &machine{
		description: x.Machine, renewal: begin.renewal, origin: begin.origin, ended: make(chan struct{}),
		dirs: l.dirs, id: x.Description.ID, arrived: x.Incoming,
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	m.host, err = host.Open(ctx, x.Machine, host.Options{
		Programs: l.dirs.Guest.Programs, Messages: x.Messages, Monitor: true, KVM: x.Description.KVM, Placed: x.Placed,
		Unlocked: x.Incoming,
	})
	if err != nil {
		return nil, err
	}
	if m.messages, err = newMessages(x.Messages); err != nil {
		return nil, err
	}
	defer m.messages.handedOver()
	socket := filepath.Join(l.dirs.RunDir(x.Description.ID), "monitor.sock")
	m.socket = socket
	listener, err := listenFile(socket)
	if err != nil {
		return nil, err
	}
	m.onClose(func() error { return os.Remove(socket) })
	defer listener.Close()
	m.process, err = spawn.Start(ctx, spawn.Config{
		Program: filepath.Join(l.dirs.Guest.Programs, "hull-vmm"),
		Machine: x.Machine, Kernel: begin.kernel, Initrd: begin.initrd, Cmdline: begin.cmdline,
		State: begin.state, Memory: begin.memory, Layers: begin.layers, Incoming: x.Incoming,
		Host: m.host, Control: listener, Serial: x.Console, Stderr: m.messages.theirs,
		Jail: !x.Description.Unconfined, UID: userOf(x.Description.ID), AllowSlowKVM: x.Description.SlowKVM, Placed: x.Placed,
	})
	if err != nil {
		return nil, err
	}
	go func() {
		<-m.process.Ended()
		m.end = endOf(m.process.Exit())
		close(m.ended)
	}()
	if m.control, err = m.connect(ctx, socket); err != nil {
		m.Kill()
		<-m.ended
		if m.end.Detail != "" {
			err = errors.New(m.end.Detail) // the process's own word says more
		}
		return nil, err
	}
	time.AfterFunc(tidyTime, debug.FreeOSMemory) // what reading kernels and packing initrds has left
	m.hello = m.control.Hello()
	return m, nil
}

// tidyTime is how long after the start of a monitor memory is given back: the guest
// has not to wait for that.
const tidyTime = time.Second

// connect waits until the control socket answers. It was there before the process,
// so that there is nothing to try twice.
func (m *machine) connect(ctx context.Context, socket string) (*control.Client, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-m.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return control.Dial(ctx, socket)
}

// listenFile makes a control socket for another process to accept on.
func listenFile(path string) (*os.File, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("monitor's socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // this process's descriptor is not the last
	f, err := l.File()
	return f, errors.Join(err, l.Close(), os.Chmod(path, 0o600))
}

// firstUser and userBits are the users of the host among which the monitors' are:
// beyond those of people, system users, and most ranges of subordinate ones.
const (
	firstUser = 0x7000_0000
	userBits  = 24
)

// userOf is the user of the host that an instance's monitor is: one that nothing
// else has, so that monitors are strangers to each other.
func userOf(id string) int {
	n, err := strconv.ParseUint(id[:userBits/4], 16, userBits)
	if err != nil {
		return 0 // the least that there is; an id is hexadecimal
	}
	return firstUser + int(n)
}

// messages hands on what a process writes to its standard error.
type messages struct {
	theirs *os.File
	done   chan struct{}
	once   sync.Once
}

func newMessages(to io.Writer) (*messages, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	m := &messages{theirs: theirs, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		defer ours.Close()
		// The log tells of its own failures, and what it cannot take is lost: the
		// process must not stand still for it.
		if _, err := io.Copy(to, ours); err != nil {
			_, _ = io.Copy(io.Discard, ours)
		}
	}()
	return m, nil
}

// handedOver closes this process's end: the other process's is the last then.
func (m *messages) handedOver() { m.once.Do(func() { _ = m.theirs.Close() }) }
