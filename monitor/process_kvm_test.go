package monitor_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/monitor/control"
	"github.com/hullvm/hull/monitor/spawn"
)

// No instruction of a guest runs before it is started, and its end is told in all the
// ways there are.
func TestAMachineInAProcess(t *testing.T) {
	for _, jailed := range []bool{true, false} {
		t.Run(fmt.Sprintf("jail %v", jailed), func(t *testing.T) {
			devicestest.CheckGoroutines(t)
			m := start(t, slices.Concat(asmStatus7, asmPowerOff), "", func(c *spawn.Config) { c.Jail = jailed })
			hello := m.client.Hello()
			if jailed && (!slices.Contains(hello.Has, "seccomp") || !slices.Contains(hello.Has, "mount namespace") || hello.PID != 1) {
				t.Errorf("the process is held by %q, without %q, and is number %d", hello.Has, hello.Missing, hello.PID)
			}
			if !jailed && (len(hello.Has) > 0 || len(hello.Missing) != 1) {
				t.Errorf("the process is held by %q, without %q", hello.Has, hello.Missing)
			}
			m.is(control.Ready)
			for range 2 {
				if err := m.client.PowerButton(timed(t)); control.CodeOf(err) != control.WrongState {
					t.Errorf("a button before the start: %v", err)
				}
				if err := m.client.Pause(timed(t)); control.CodeOf(err) != control.WrongState {
					t.Errorf("a pause before the start: %v", err)
				}
			}
			m.is(control.Ready) // it would have ended by itself
			if err := m.another().Start(timed(t)); err != nil {
				t.Fatal(err)
			}
			m.ends(control.Exit{Reason: "power-off", Status: &control.GuestStatus{Code: 7}})
			if said := m.messages(); said != "" {
				t.Errorf("the monitor said %q", said)
			}
			if _, err := control.Dial(timed(t), m.control); err == nil {
				t.Error("somebody listens after the end")
			}
		})
	}
}

func TestAMachineIsHeldAndLetGo(t *testing.T) {
	m := start(t, asmSpin, "", nil)
	ctx := timed(t)
	if err := m.client.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := m.client.Start(ctx); control.CodeOf(err) != control.WrongState {
		t.Errorf("a second start: %v", err)
	}
	m.is(control.Running)
	if err := m.client.Pause(ctx); err != nil {
		t.Fatal(err)
	}
	m.is(control.Paused)
	if err := m.client.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	m.is(control.Running)
	text, err := m.client.Dump(ctx)
	if err != nil || !strings.Contains(text, "vcpu 0: exits=") || !strings.Contains(text, "rip=0x100000") {
		t.Errorf("a dump is %q, %v", text, err)
	}
	s, err := m.client.Status(ctx)
	if err != nil || len(s.Threads) != 1 || s.Threads[0] == 0 || len(s.Timeline) != 2 || s.Timeline[1].Name != "run" {
		t.Errorf("the status is %+v, %v", s, err)
	}
	memory, err := m.client.Memory(ctx)
	if err != nil || memory.Size != 32<<20 || memory.Resident == 0 || memory.Resident > memory.Size {
		t.Errorf("the memory is %+v, %v", memory, err)
	}
	if err := m.client.PowerButton(ctx); err != nil { // which the guest does not hear
		t.Error(err)
	}
	if err := m.client.Kill(ctx); err != nil {
		t.Error(err)
	}
	m.ends(control.Exit{Reason: "kill"})
}

func TestTheSerialConsoleIsASocket(t *testing.T) {
	m := start(t, asmEcho, "", nil)
	ctx := timed(t)
	if err := m.client.Start(ctx); err != nil {
		t.Fatal(err)
	}
	deadline, _ := ctx.Deadline()
	if err := m.serial.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"echo", "once more"} {
		if _, err := m.serial.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		back := make([]byte, len(text))
		if _, err := io.ReadFull(m.serial, back); err != nil || string(back) != text {
			t.Errorf("got %q, %v, want %q", back, err, text)
		}
	}
	if err := m.serial.CloseWrite(); err != nil { // means nothing
		t.Error(err)
	}
	m.is(control.Running)
	if err := m.client.Kill(ctx); err != nil {
		t.Error(err)
	}
	m.ends(control.Exit{Reason: "kill"})
	if n, err := m.serial.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read %d, %v after the end", n, err)
	}
}

func TestTheSerialConsoleIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	code := []byte{0x66, 0xba, 0xf8, 0x03, 0xb0, 'h', 0xee, 0xb0, 'i', 0xee} // mov dx,0x3f8; mov al,'h'; out dx,al; ...
	m := start(t, slices.Concat(code, asmPowerOff), "[serial]\noutput = 'file'\npath = '"+path+"'\n", nil)
	if err := m.client.Start(timed(t)); err != nil {
		t.Fatal(err)
	}
	m.ends(control.Exit{Reason: "power-off"})
	if text, err := os.ReadFile(path); err != nil || string(text) != "hi" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

func TestEverythingEndsAMachine(t *testing.T) {
	signal := func(s unix.Signal) func(*machine) error {
		return func(m *machine) error { return unix.Kill(m.process.PID, s) }
	}
	kill := func(m *machine) error { return m.client.Kill(timed(m.t)) }
	abandon := func(m *machine) error { return m.process.Abandon() }
	for name, test := range map[string]struct {
		end     func(*machine) error
		started bool
	}{
		"kill":                       {kill, true},
		"kill before the start":      {kill, false},
		"a cut lifeline":             {abandon, true},
		"one cut before the start":   {abandon, false},
		"SIGTERM":                    {signal(unix.SIGTERM), true},
		"SIGTERM before the start":   {signal(unix.SIGTERM), false},
		"SIGQUIT":                    {signal(unix.SIGQUIT), true},
		"a terminal's signal, twice": {func(m *machine) error { return errors.Join(signal(unix.SIGINT)(m), signal(unix.SIGHUP)(m), kill(m)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := start(t, asmSpin, "[lifecycle]\nstop_timeout = '100ms'\n", nil)
			if test.started {
				if err := m.client.Start(timed(t)); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.end(m); err != nil {
				t.Fatal(err)
			}
			m.ends(control.Exit{Reason: "kill"})
		})
	}
}

// SIGUSR1 tells where the machine stands, and it goes on.
func TestASignalAsksWhereTheMachineStands(t *testing.T) {
	m := start(t, asmSpin, "", nil)
	if err := m.client.Start(timed(t)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(m.process.PID, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	m.is(control.Running)
	if err := m.client.Kill(timed(t)); err != nil {
		t.Fatal(err)
	}
	m.ends(control.Exit{Reason: "kill"})
	if said := m.messages(); !strings.Contains(said, "vcpu 0: exits=") {
		t.Errorf("it said %q", said)
	}
}

// devices are one of each kind that needs no program and no privilege.
func devices(dir string) string {
	return `
[[disk]]
name = "root"
path = "` + dir + `/disk"
format = "raw"
[[disk]]
name = "more"
path = "` + dir + `/more"
format = "qcow2"
[vsock]
path = "` + dir + `/v.sock"
[console]
output = "file"
path = "` + dir + `/console.log"
[rng]
enabled = true
[balloon]
enabled = true
`
}

func TestDevicesAreReached(t *testing.T) {
	dir := t.TempDir()
	makeImages(t, dir)
	m := start(t, asmSpin, devices(dir), nil)
	ctx := timed(t)
	list, err := m.client.Devices(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, fmt.Sprintf("%s %s %s %v", d.Address, d.Kind, d.Name, len(d.Counters) > 0))
	}
	want := []string{
		"00:01.0 disk root true", "00:02.0 disk more true", "00:03.0 vsock  true", "00:04.0 console  true", "00:05.0 rng  true", "00:06.0 balloon  true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("devices are %q, want %q", got, want)
	}
	c := m.client
	if err := os.Truncate(filepath.Join(dir, "disk"), 2<<20); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		err  error
		code control.Code
	}{
		"limits":                  {c.SetDiskLimits(ctx, control.DiskLimits{Name: "root", Ops: 100, Bytes: 1 << 20}), ""},
		"limits of none":          {c.SetDiskLimits(ctx, control.DiskLimits{Name: "x"}), control.NotFound},
		"a disk has grown":        {c.ResizeDisk(ctx, control.DiskSize{Name: "root"}), ""},
		"a disk grows":            {c.ResizeDisk(ctx, control.DiskSize{Name: "more", Bytes: 2 << 20}), ""},
		"a disk shrinks":          {c.ResizeDisk(ctx, control.DiskSize{Name: "more", Bytes: 1 << 20}), control.Failed},
		"a disk of no whole size": {c.ResizeDisk(ctx, control.DiskSize{Name: "root", Bytes: 100}), control.Failed},
		"no size of a qcow2":      {c.ResizeDisk(ctx, control.DiskSize{Name: "more"}), control.BadRequest},
		"no disk":                 {c.ResizeDisk(ctx, control.DiskSize{Name: "x"}), control.NotFound},
		"no net":                  {c.SetLink(ctx, control.Link{Name: "x"}), control.NotFound},
		"a console's size":        {c.ResizeConsole(ctx, control.ConsoleSize{Rows: 24, Cols: 80}), ""},
		"a balloon":               {c.SetBalloon(ctx, 1<<20), ""},
		"a large balloon":         {c.SetBalloon(ctx, 1<<40), control.BadRequest},
	} {
		if code := control.CodeOf(test.err); code != test.code || (test.err == nil) != (test.code == "") {
			t.Errorf("%s: %v, want code %q", name, test.err, test.code)
		}
	}
	if b, err := c.Balloon(ctx); err != nil || b.Target != 1<<20 {
		t.Errorf("the balloon is %+v, %v", b, err)
	}
	// Nothing is locked behind the machine.
	if err := c.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	m.ends(control.Exit{Reason: "kill"})
	if err := c.SetBalloon(ctx, 0); err == nil {
		t.Error("the balloon outlives the machine")
	}
	if err := m.host.Close(); err != nil {
		t.Error(err)
	}
	again := start(t, asmPowerOff, devices(dir), nil)
	if err := again.client.Start(ctx); err != nil {
		t.Fatal(err)
	}
	again.ends(control.Exit{Reason: "power-off"})
}

// What a host looks at from outside: the process has no rights, nothing around it,
// and only what it was handed.
func TestTheProcessFromOutside(t *testing.T) {
	if os.Geteuid() != 0 {
		guesttest.Missing(t, "root, who may look into the process")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stray, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	// It is left to who is started, behind what is handed over.
	left, err := unix.FcntlInt(stray.Fd(), unix.F_DUPFD, 300)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(left)
	m := start(t, asmSpin, "", func(c *spawn.Config) { c.UID = 54321 })
	if err := m.client.Start(timed(t)); err != nil {
		t.Fatal(err)
	}
	proc := fmt.Sprintf("/proc/%d", m.process.PID)
	status, err := os.ReadFile(proc + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Uid:\t54321\t54321\t54321\t54321", "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapInh:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Name:\thull-vmm",
	} {
		if !bytes.Contains(append([]byte("\n"), status...), []byte("\n"+line+"\n")) {
			t.Errorf("its status has no %q:\n%s", line, status)
		}
	}
	entries, err := os.ReadDir(proc + "/root")
	if err != nil || len(entries) != 0 {
		t.Errorf("its root has %v, %v", entries, err)
	}
	mounts, err := os.ReadFile(proc + "/mountinfo")
	if n := bytes.Count(mounts, []byte("\n")); err != nil || n != 1 || !bytes.Contains(mounts, []byte(" / / ro,nosuid,nodev,noexec")) {
		t.Errorf("its mounts are %v\n%s", err, mounts)
	}
	fds, err := filepath.Glob(proc + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && (link == self || link == program || strings.HasSuffix(link, "kernel")) {
			t.Errorf("descriptor %s is %s", filepath.Base(fd), link)
		}
	}
}

// supervisorMode is the test's argument that makes it one who starts a machine and
// waits to be killed.
const supervisorMode = "-hull-test-supervisor"

// A machine does not outlive who started it, who could do nothing more about it.
func TestAMachineEndsWithItsSupervisor(t *testing.T) {
	guesttest.RequireDevice(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	kernel := file(t, guesttest.BareKernel(asmSpin))
	defer kernel.Close()
	cmd := exec.Command(self, supervisorMode, program, kernel.Name(), dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(out, &pid); err != nil {
		_ = cmd.Process.Kill()
		t.Fatalf("the supervisor says nothing: %v, %v", err, cmd.Wait())
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Errorf("the monitor, %d: %v", pid, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	devicestest.Eventually(t, "the monitor to end", func() bool {
		// It is an orphan, whose new parent may be slow to take note.
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || bytes.Contains(b, []byte(") Z "))
	})
}

// Before its guest runs, a process has little memory of its own; the rest is the
// program's, which all monitors of a host share.
func TestTheProcessIsSmallAtRest(t *testing.T) {
	if os.Geteuid() != 0 {
		guesttest.Missing(t, "root, who may look into the process")
	}
	dir := t.TempDir()
	makeImages(t, dir)
	m := start(t, asmSpin, devices(dir), nil)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.process.PID))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			if t.Logf("%d KiB are its own", kib); kib > 16<<10 {
				t.Errorf("%d KiB are its own, want at most 16 MiB", kib)
			}
			return
		}
	}
	t.Errorf("no RssAnon in %s", status)
}
