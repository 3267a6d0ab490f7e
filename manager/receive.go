package manager

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hullvm/hull/internal/environ"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
	"github.com/hullvm/hull/migrate/transport"
)

// socketFD is the descriptor of the socket that listens, in a supervisor that waits for
// a machine.
const socketFD = readyFD + 1

// Receive waits for one machine.
func (m *Manager) Receive(ctx context.Context, o ReceiveOptions) (*instance.Description, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	what := supervisor.Receive{Name: o.Name, Disks: make(map[string]string), Unconfined: o.Unconfined, SlowKVM: o.SlowKVM, KVM: o.KVM}
	for name, path := range o.Disks {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		what.Disks[name] = absolute
	}
	if o.TLS != nil {
		var err error
		if what.TLS, err = o.TLS.absolute(); err != nil {
			return nil, err
		}
	}
	if o.Expire > 0 {
		what.Deadline = time.Now().Add(o.Expire)
	}
	socket, address, closeSocket, err := listenForMoves(ctx, o.Listen)
	if err != nil {
		return nil, err
	}
	defer closeSocket()
	if o.Listening != nil {
		o.Listening(address)
	}
	for {
		id, err := m.receiveOne(ctx, socket, &what)
		switch {
		case err == nil:
			return m.store.Description(id)
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case instance.KindOf(err) == instance.KindGone:
			return nil, err
		}
		if o.Refused != nil {
			o.Refused(err)
		}
		select { // what is wrong may be here, and stay
		case <-time.After(waitPause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// listenForMoves makes a socket that one process after another accepts on.
func listenForMoves(ctx context.Context, text string) (_ *os.File, address string, closeAll func(), err error) {
	a, err := MoveAddress(text)
	if err != nil {
		return nil, "", nil, err
	}
	l, err := transport.Socket(ctx, a)
	if err != nil {
		return nil, "", nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok {
		a.Port = uint16(tcp.Port)
	}
	address = a.String()
	filer, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, "", nil, errors.Join(fmt.Errorf("listen on %s: a socket without a descriptor", a), l.Close())
	}
	f, err := filer.File()
	if err != nil {
		return nil, "", nil, errors.Join(err, l.Close())
	}
	return f, address, func() { _ = errors.Join(f.Close(), l.Close()) }, nil // a unix socket's file goes with l
}

// receiveOne has a supervisor wait for a machine, and returns its id when it runs and
// the source knows it.
func (m *Manager) receiveOne(ctx context.Context, socket *os.File, what *supervisor.Receive) (string, error) {
	text, err := json.Marshal(what)
	if err != nil {
		return "", err
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("pipe: %w", err)
	}
	defer ready.Close()
	said, err := os.CreateTemp("", "hull-receive-*")
	if err != nil {
		theirs.Close()
		return "", err
	}
	defer os.Remove(said.Name())
	defer said.Close()
	cmd := m.supervisorCommand("-receive", string(text), "-socket", fmt.Sprint(socketFD))
	cmd.Stderr = said
	cmd.ExtraFiles = []*os.File{theirs, socket}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return "", fmt.Errorf("supervisor: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// A supervisor that nobody listens to any more gives up, unless it has a machine.
	stop := context.AfterFunc(ctx, func() { _ = ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	return receivedWord(ctx, ready, said, ended)
}

// receivedWord reads what a supervisor says: once, and then nothing until all is done.
func receivedWord(ctx context.Context, ready, said *os.File, ended <-chan error) (string, error) {
	r := bufio.NewReader(ready)
	line, err := r.ReadBytes('\n')
	var reply supervisor.Reply
	if err == nil {
		err = json.Unmarshal(line, &reply)
	}
	if err == nil {
		if err = reply.Failure(); err == nil {
			_, _ = io.Copy(io.Discard, r) // up to its end
		}
		return reply.ID, err
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	select {
	case err = <-ended:
	case <-time.After(endTime):
	}
	text, _ := os.ReadFile(said.Name())
	return "", fmt.Errorf("its supervisor ended before the machine ran (%v): %s", err, lastLine(text))
}

// supervisorCommand is hull-supervisor for these directories.
func (m *Manager) supervisorCommand(args ...string) *exec.Cmd {
	guest := m.dirs.Guest
	cmd := exec.Command(filepath.Join(guest.Programs, "hull-supervisor"), append([]string{
		"-state", m.dirs.State, "-run", m.dirs.Run, "-ready", fmt.Sprint(readyFD),
		"-kernels", guest.Kernels, "-cache", guest.Cache, "-programs", guest.Programs,
	}, args...)...)
	cmd.Env = environ.Lean()
	cmd.Dir = "/"
	// Signals of the caller's terminal are not for it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}
