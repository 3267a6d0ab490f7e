package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
	"github.com/hullvm/hull/peripherals"
	"github.com/hullvm/hull/peripherals/host"
	"github.com/hullvm/hull/vmm"
)

// kernel is the bundle that the machines boot.
const kernel = "debian-cloud"

// ready is what the main process of a machine says.
const ready = "the guest is ready"

// programs is the folder of hull's programs.
func programs() string {
	if dir := os.Getenv("HULL_PROGRAMS"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs("../../bin")
	if err != nil {
		return "."
	}
	return dir
}

// machine is a machine within this process, as one test sees it.
type machine struct {
	t       testing.TB
	opened  *host.Host
	set     *peripherals.Set
	vm      *vmm.Machine
	socket  string // of vsock; empty for a machine without one
	agent   *agent.Client
	console *transcript
	log     *transcript // what the monitor and its helpers say

	// A machine in a process of its own has these instead of set and vm.
	process *spawn.Process
	client  *control.Client

	files *guest.Files
	ended bool
}

// describe is a machine's file: devices, with CPUs and memory as they are
// wanted. The main process waits until the machine ends.
func describe(memory, devices string) string {
	return fmt.Sprintf(`name = "tested"
[cpu]
count = 2
[memory]
size = %q
[boot]
kernel = %q
[init]
exec = ["sh", "-c", "echo '%s'; sleep 1000000"]
%s`, memory, kernel, ready, devices)
}

// boot starts a machine and connects to its agent, where it has a vsock. The
// machine is closed with the test.
func boot(t testing.TB, text string) *machine {
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
	log := guesttest.Logger(m.log)
	m.opened, err = host.Open(context.Background(), description, host.Options{Programs: dirs.Programs, Messages: m.log})
	if err != nil {
		t.Fatal(err)
	}
	m.set, err = peripherals.New(description, m.opened.Files, peripherals.Options{VsockHost: m.opened.VsockHost, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	c := vmm.Config{
		Machine: description, Kernel: vmm.Image(m.files.Kernel), Initrd: vmm.Image(m.files.Initrd),
		Cmdline: m.files.Cmdline, Console: m.console, Log: log,
	}
	for _, d := range m.set.Devices {
		c.Devices = append(c.Devices, vmm.Virtio(d))
	}
	if m.vm, err = vmm.New(c); err != nil {
		t.Fatal(err)
	}
	m.vm.Start()
	if m.socket != "" {
		m.await(ready)
		m.agent = m.connect()
	}
	return m
}

// close ends the machine and all that belongs to it. It may be called twice.
func (m *machine) close() {
	if m.ended {
		return
	}
	m.ended = true
	var errs []error
	if m.agent != nil {
		_ = m.agent.Close() // the machine may be gone
	}
	if m.vm != nil {
		errs = append(errs, m.vm.Close())
	}
	if m.client != nil {
		errs = append(errs, m.client.Close())
	}
	if m.process != nil {
		errs = append(errs, m.process.Kill())
	}
	if m.set != nil {
		errs = append(errs, m.set.Close())
	}
	if m.opened != nil {
		errs = append(errs, m.opened.Close())
	}
	errs = append(errs, m.files.Close())
	if err := errors.Join(errs...); err != nil {
		m.t.Errorf("close: %v", err)
	}
	if m.t.Failed() {
		m.t.Logf("--- console\n%s\n--- monitor\n%s", m.console.tail(), m.log.tail())
	}
}

// await waits until the guest has said text on its console.
func (m *machine) await(text string) {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if _, err := m.wait(ctx); err != nil {
			return
		}
	}()
	for {
		news := m.console.news()
		if strings.Contains(m.console.String(), text) {
			return
		}
		select {
		case <-news:
		case <-ended:
			m.t.Fatalf("the guest has not said %q, and ended or hangs\n%s\n%s", text, m.console.tail(), guesttest.KVMCounters())
		}
	}
}

// end waits for the machine's end.
func (m *machine) end() vmm.Exit {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exit, err := m.wait(ctx)
	if err != nil {
		m.t.Fatalf("the machine does not end: %v", err)
	}
	return exit
}

// wait waits for the machine's end, wherever it is.
func (m *machine) wait(ctx context.Context) (vmm.Exit, error) {
	if m.process != nil {
		return m.waitProcess(ctx)
	}
	return m.vm.Wait(ctx)
}

// powerOff has the agent end the machine, which must work.
func (m *machine) powerOff() {
	m.t.Helper()
	m.builtin(nil, nil, "poweroff")
	if exit := m.end(); exit.Reason != vmm.PowerOff {
		m.t.Errorf("the machine ended with %v, want a power-off", exit)
	}
}

// transcript collects what is written to it.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	waiting chan struct{}
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting != nil {
		close(w.waiting)
		w.waiting = nil
	}
	return w.text.Write(p)
}

// news is closed with the next Write.
func (w *transcript) news() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = make(chan struct{})
	}
	return w.waiting
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// tail is the last of it, for messages.
func (w *transcript) tail() string {
	s := w.String()
	return s[max(0, len(s)-8<<10):]
}
