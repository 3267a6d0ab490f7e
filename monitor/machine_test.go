package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals/host"
)

// Guests of a few instructions, in 64-bit mode at 1 MiB.
var (
	asmPowerOff = []byte{0x66, 0xba, 0x04, 0x06, 0x66, 0xb8, 0x00, 0x34, 0x66, 0xef, 0xf4} // mov dx,0x604; mov ax,0x3400; out dx,ax; hlt
	asmStatus7  = []byte{0x66, 0xba, 0xf0, 0x05, 0xb8, 7, 0, 0, 0, 0xef}                   // mov dx,0x5f0; mov eax,7; out dx,eax
	asmSpin     = []byte{0xeb, 0xfe}                                                       // jmp .
	asmEcho     = []byte{
		0x66, 0xba, 0xfc, 0x03, 0xb0, 0x03, 0xee, // mov dx,0x3fc; mov al,3; out dx,al: MCR, DTR and RTS
		0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, // mov dx,0x3fd; 1: in al,dx; test al,1; jz 1b
		0x66, 0xba, 0xf8, 0x03, 0xec, 0xee, // mov dx,0x3f8; in al,dx; out dx,al
		0xeb, 0xef, // jmp to the status
	}
)

// patience is how long a test waits for what happens at once on a machine that is not
// busy: long, because only a hang meets it.
const patience = time.Minute

// machine is one in a process of its own, as a test sees it.
type machine struct {
	t       testing.TB
	host    *host.Host
	process *spawn.Process
	client  *control.Client
	control string // the socket's path
	serial  *net.UnixConn

	mu     sync.Mutex
	stderr string
	said   chan struct{} // closed at the end of stderr
}

// describe is a machine's description; devices are more of it.
func describe(t testing.TB, devices string) *configs.Machine {
	t.Helper()
	m, err := configs.Parse("test.toml", []byte("[memory]\nsize = \"32MiB\"\n[boot]\nkernel = \"test\"\ninitrd = \"none\"\n"+devices))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// start starts a machine that runs code, up to the point where it is built. What it
// leaves is an error of the test.
func start(t testing.TB, code []byte, devices string, change func(*spawn.Config)) *machine {
	t.Helper()
	guesttest.RequireDevice(t)
	m := launch(t, code, devices, "", change)
	var err error
	if m.client, err = control.Dial(timed(t), m.control); err != nil {
		_, why := m.process.Exit()
		t.Fatalf("%v; %v\n%s", err, why, m.messages())
	}
	t.Cleanup(func() { _ = m.client.Close() })
	return m
}

// launch starts the process of a machine.
func launch(t testing.TB, code []byte, devices, kvm string, change func(*spawn.Config)) *machine {
	t.Helper()
	description := describe(t, devices)
	m := &machine{t: t, control: filepath.Join(t.TempDir(), "control"), said: make(chan struct{})}
	var err error
	if m.host, err = host.Open(t.Context(), description, host.Options{Monitor: true, KVM: kvm, Programs: programs}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.host.Close(); err != nil {
			t.Error(err)
		}
	})
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: m.control, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	control, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	serial := m.console()
	defer serial.Close()
	stderr := m.listen()
	defer stderr.Close()
	kernel := file(t, guesttest.BareKernel(code))
	defer kernel.Close()
	c := spawn.Config{
		Program: program, Machine: description, Kernel: kernel, Host: m.host, Control: control, Serial: serial, Stderr: stderr,
		Jail: true, AllowSlowKVM: true, // a few instructions run anywhere
	}
	if change != nil {
		change(&c)
	}
	if m.process, err = spawn.Start(timed(t), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.process.Kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the monitor said:\n%s", m.messages())
		}
	})
	return m
}

// file is an open file with this content.
func file(t testing.TB, content []byte) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "kernel"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

// timed ends where the test has waited too long.
func timed(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// console makes the serial console's socket, and returns the monitor's end.
func (m *machine) console() *os.File {
	m.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "console")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		m.t.Fatal(err)
	}
	m.serial = c.(*net.UnixConn)
	m.t.Cleanup(func() { _ = m.serial.Close() })
	return os.NewFile(uintptr(fds[1]), "serial console")
}

// listen collects what the monitor says.
func (m *machine) listen() *os.File {
	m.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		m.t.Fatal(err)
	}
	go func() {
		defer close(m.said)
		defer r.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(r)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.stderr = b.String()
	}()
	return w
}

// messages are all that the monitor said. The process has to have ended, or is ended.
func (m *machine) messages() string {
	_ = m.process.Kill()
	<-m.said
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stderr
}

// another is one more connection.
func (m *machine) another() *control.Client {
	m.t.Helper()
	c, err := control.Dial(timed(m.t), m.control)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = c.Close() })
	return c
}

// ends waits for the machine's end and the process's, which have to agree.
func (m *machine) ends(want control.Exit) {
	m.t.Helper()
	exit, err := m.client.Wait(timed(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	last, err := m.process.Exit()
	if err := errors.Join(err, m.process.Wait()); err != nil {
		m.t.Error(err)
	}
	for _, got := range []control.Exit{exit, last} {
		if got, want := fmt.Sprintf("%+v %+v", got.Reason, got.Status), fmt.Sprintf("%+v %+v", want.Reason, want.Status); got != want {
			m.t.Errorf("the machine ended by %s, want %s", got, want)
		}
		if got.Error != want.Error {
			m.t.Errorf("the end's error is %q, want %q", got.Error, want.Error)
		}
	}
}

// is holds the machine's state against what it should be.
func (m *machine) is(want control.State) {
	m.t.Helper()
	s, err := m.client.Status(timed(m.t))
	if err != nil {
		m.t.Fatal(err)
	}
	if s.State != want {
		m.t.Errorf("the machine is %s, want %s", s.State, want)
	}
}
