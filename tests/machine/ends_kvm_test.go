package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/vmm"
)

// everything is a machine with all devices.
type everything struct {
	*machine
	dir, socket, qcow2 string
}

func bootEverything(t testing.TB) everything {
	t.Helper()
	dir := t.TempDir()
	e := everything{dir: filepath.Join(dir, "shared"), socket: filepath.Join(dir, "vsock"), qcow2: filepath.Join(dir, "data.qcow2")}
	if err := os.Mkdir(e.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	qemuImg(t, "create", "-q", "-f", "qcow2", e.qcow2, "32M")
	e.machine = boot(t, describe("384MiB", fmt.Sprintf(`
[[disk]]
name = "root"
path = %q
format = "qcow2"
backing = [%q]
mount = "/"
[[disk]]
name = "data"
path = %q
format = "qcow2"
queues = 2
[[net]]
name = "user"
publish = ["0:%d"]
[[share]]
name = "shared"
path = %q
mount = "/mnt/shared"
[vsock]
path = %q
[rng]
enabled = true
[balloon]
enabled = true
`, overlay(t), rootImage(t), e.qcow2, echoTCP, e.dir, e.socket)))
	return e
}

// load keeps the machine's devices busy, for ever, in the guest.
func (e everything) load() {
	e.m().begin(agent.Command{Args: []string{guestside, "load", "/dev/vdb", "0"}}).says("working")
	e.m().begin(agent.Command{Args: []string{"sh", "-c", "while :; do cat /bin/hull-shell > /mnt/shared/load; done"}})
	e.m().begin(agent.Command{Args: []string{"cat", "/dev/hwrng"}, Stdout: io.Discard})
}

func (e everything) m() *machine { return e.machine }

// gone looks for what a machine may leave behind.
func (e everything) gone(t testing.TB, before holdings) {
	t.Helper()
	e.close()
	nothingLeft(t, before)
	if _, err := os.Stat(e.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	qemuImg(t, "check", "-q", "-f", "qcow2", e.qcow2)
}

// TestEndsUnderLoad ends machines whose devices are all at work.
func TestEndsUnderLoad(t *testing.T) {
	rootImage(t)
	for _, end := range []struct {
		name string
		does func(*machine)
		want vmm.Reason
	}{
		{"power-off", func(m *machine) { m.builtin(nil, nil, "poweroff") }, vmm.PowerOff},
		{"power button", func(m *machine) { m.vm.PowerButton() }, vmm.PowerOff},
		{"panic", func(m *machine) {
			m.begin(agent.Command{Args: []string{"sh", "-c", "echo c > /proc/sysrq-trigger"}})
		}, vmm.GuestPanic},
		{"kill", func(m *machine) { m.vm.Kill() }, vmm.Killed},
	} {
		t.Run(end.name, func(t *testing.T) {
			before := held(t)
			e := bootEverything(t)
			e.load()
			end.does(e.machine)
			if exit := e.end(); exit.Reason != end.want {
				t.Errorf("the machine ended with %v, want %v", exit, end.want)
			}
			e.gone(t, before)
		})
	}
}

// TestPausesUnderLoad pauses a machine again and again while all its devices are
// at work. Nothing of it may be lost.
func TestPausesUnderLoad(t *testing.T) {
	rootImage(t)
	before := held(t)
	e := bootEverything(t)
	disk := e.begin(agent.Command{Args: []string{guestside, "load", "/dev/vdb", "60"}})
	disk.says("working")
	for _, network := range []string{"tcp", "vsock"} {
		e.begin(agent.Command{Args: []string{guestside, "echo", network, fmt.Sprint(echoTCP)}}).says("listening")
	}
	share := e.begin(agent.Command{Args: []string{guestside, "write-file", "/mnt/shared/file", "1", fmt.Sprint(8 << 20)}})
	streams := make(chan error, 2)
	go func() {
		streams <- exchange(4, mib, func() (net.Conn, error) { return e.set.Vsock.Dial(context.Background(), echoTCP) })
	}()
	address := published(e.machine)
	go func() { streams <- exchange(4, mib, func() (net.Conn, error) { return net.Dial("tcp", address) }) }()
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range cap(streams) {
			if err := <-streams; err != nil {
				t.Error(err)
			}
		}
		_, _ = disk.Wait(context.Background())
		_, _ = share.Wait(context.Background())
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pauses := 0
	for done := false; !done; pauses++ {
		if err := e.vm.Pause(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.vm.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if err := e.agent.Ping(ctx); err != nil { // it has run
			t.Fatal(err)
		}
		select {
		case <-over:
			done = true
		default:
		}
	}
	t.Logf("%d pauses", pauses)
	if pauses < 3 {
		t.Errorf("only %d pauses while there was work", pauses)
	}
	disk.succeed()
	share.succeed()
	if err := checkPattern(filepath.Join(e.dir, "file"), 1, 8<<20); err != nil {
		t.Errorf("the file in the share: %v", err)
	}
	readLog(e.machine)
	e.powerOff()
	e.gone(t, before)
	e.quiet()
}

// TestNothingIsLeft boots a machine with all devices again and again.
func TestNothingIsLeft(t *testing.T) {
	rootImage(t)
	before := held(t)
	for range *bootRounds {
		e := bootEverything(t)
		e.powerOff()
		e.gone(t, before)
		if t.Failed() {
			return
		}
	}
}
