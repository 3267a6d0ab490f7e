package machine

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals/host"
	"github.com/hullvm/hull/vmm"
)

// bootJailed is boot for a machine in a jailed process of its own.
func bootJailed(t testing.TB, text string) *machine { return bootPlaced(t, text, nil) }

// bootPlaced is bootJailed, with what becomes of the process before it has its
// machine.
func bootPlaced(t testing.TB, text string, placed func(pid int) error) *machine {
	t.Helper()
	guesttest.RequireKVM(t)
	description, err := configs.Parse("tested", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, socket: description.Vsock.Path, console: &transcript{}, log: &transcript{}}
	dirs := guest.DirsFromEnv(os.Getenv)
	dirs.Programs = programs()
	if m.files, err = guest.Open(description, dirs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	m.opened, err = host.Open(context.Background(), description, host.Options{Programs: dirs.Programs, Messages: m.log, Monitor: true})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "control")
	kernel, initrd := m.files.Descriptors()
	c := spawn.Config{
		Program: filepath.Join(dirs.Programs, "hull-vmm"), Machine: description, Cmdline: m.files.Cmdline, Host: m.opened,
		Kernel: kernel, Initrd: initrd,
		Control: controlSocket(t, path), Serial: m.serialSocket(), Stderr: m.stderr(), Jail: true, Placed: placed,
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m.process, err = spawn.Start(ctx, c)
	err = errors.Join(err, c.Control.Close(), c.Serial.Close(), c.Stderr.Close())
	if err != nil {
		t.Fatal(err)
	}
	if m.client, err = control.Dial(ctx, path); err == nil {
		err = m.client.Start(ctx)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, m.log)
	}
	if hello := m.client.Hello(); len(hello.Missing) > 0 {
		t.Logf("the monitor is held by %q, without %q", hello.Has, hello.Missing)
	}
	if m.socket != "" {
		m.await(ready)
		m.agent = m.connect()
	}
	return m
}

func controlSocket(t testing.TB, path string) *os.File {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.SetUnlinkOnClose(false)
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// serialSocket has the console collected, and is the monitor's end of it.
func (m *machine) serialSocket() *os.File {
	m.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	collect(m.console, os.NewFile(uintptr(fds[0]), "console"))
	return os.NewFile(uintptr(fds[1]), "serial console")
}

// stderr has what the monitor says collected.
func (m *machine) stderr() *os.File {
	m.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		m.t.Fatal(err)
	}
	collect(m.log, r)
	return w
}

func collect(to *transcript, from *os.File) {
	go func() {
		defer from.Close()
		_, _ = io.Copy(to, from)
	}()
}

// reasons are those of a machine's end by their names.
var reasons = map[string]vmm.Reason{
	vmm.PowerOff.String(): vmm.PowerOff, vmm.Reset.String(): vmm.Reset, vmm.GuestPanic.String(): vmm.GuestPanic,
	vmm.TripleFault.String(): vmm.TripleFault, vmm.Killed.String(): vmm.Killed, vmm.InternalError.String(): vmm.InternalError,
}

// waitProcess waits for the end of the monitor's process, and of its machine before.
func (m *machine) waitProcess(ctx context.Context) (vmm.Exit, error) {
	select {
	case <-m.process.Ended():
	case <-ctx.Done():
		return vmm.Exit{}, ctx.Err()
	}
	exit, err := m.process.Exit()
	if err != nil {
		return vmm.Exit{}, errors.Join(err, m.process.Wait())
	}
	e := vmm.Exit{Reason: reasons[exit.Reason]}
	if exit.Error != "" {
		e.Err = errors.New(exit.Error)
	}
	return e, m.process.Wait()
}
