package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hullvm/hull/bench/measure"
	"github.com/hullvm/hull/bench/qmp"
)

// cmdline is that of QEMU's machines; Hull makes its own.
const cmdline = "console=ttyS0 quiet loglevel=1 panic=-1 i8042.noaux i8042.nokbd i8042.nopnp i8042.dumbkbd cryptomgr.notests random.trust_cpu=on"

// machine is one of QEMU's.
type machine struct {
	place *place
	size  int // MiB
	cid   uint32
	extra []string // arguments of the saved machine and the restored one

	cmd   *exec.Cmd
	qmp   *qmp.Client
	begin time.Duration // on the clock of measure.Monotonic
	words *os.File
}

// nextCID tells guests apart: the kernel may still have the last one's when the next
// begins.
var nextCID atomic.Uint32

// firstCID is beyond those that other tools give away.
const firstCID = 0x48550000

func newMachine(p *place, size int, extra ...string) *machine {
	return &machine{place: p, size: size, cid: firstCID + nextCID.Add(1), extra: extra}
}

// args is the command line of the machine. All that is not said is QEMU's default.
func (m *machine) args() []string {
	o := m.place.options
	return append([]string{
		"-M", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", strconv.Itoa(m.size),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "null",
		"-kernel", o.vmlinux, "-initrd", o.initrd, "-append", cmdline,
		"-device", "vhost-vsock-pci,guest-cid=" + strconv.FormatUint(uint64(m.cid), 10),
		"-chardev", "socket,id=qmp,fd=3,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
	}, m.extra...)
}

// start executes QEMU, with more arguments for this time.
func (m *machine) start(ctx context.Context, more ...string) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(m.explain(err), m.kill())
		}
	}()
	path := filepath.Join(m.place.dir, "qmp.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer os.Remove(path)
	l.SetUnlinkOnClose(false)
	socket, err := l.File()
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	defer socket.Close()
	if m.words, err = os.CreateTemp(m.place.dir, "words"); err != nil {
		return err
	}
	if err := os.Remove(m.words.Name()); err != nil {
		return err
	}
	m.cmd = exec.Command(m.place.options.qemu, append(m.args(), more...)...)
	m.cmd.ExtraFiles, m.cmd.Stderr = []*os.File{socket}, m.words
	if err := m.place.entries.Start(); err != nil {
		return err
	}
	m.begin = measure.Monotonic()
	if err := m.cmd.Start(); err != nil {
		return err
	}
	// Its own is the last: without the process's end nobody would answer for ever.
	if err := socket.Close(); err != nil {
		return err
	}
	if m.qmp, err = qmp.Dial(ctx, path); err != nil {
		return err
	}
	return m.qmp.Do(ctx, "qmp_capabilities", nil)
}

// explain adds what QEMU said.
func (m *machine) explain(err error) error {
	if m.words == nil {
		return err
	}
	const most = 1000 // bytes
	said := make([]byte, most)
	n, _ := m.words.ReadAt(said, 0) // as much as there is
	return fmt.Errorf("%w: it said %q", err, said[:n])
}

// kill ends QEMU, and may be called twice.
func (m *machine) kill() error {
	var err error
	if m.qmp != nil {
		_ = m.qmp.Close() // the other end may be gone
		m.qmp = nil
	}
	if m.cmd != nil && m.cmd.Process != nil {
		_ = m.cmd.Process.Kill() // it may have ended
		_ = m.cmd.Wait()
		m.cmd = nil
	}
	if m.words != nil {
		err = m.words.Close()
		m.words = nil
	}
	return err
}

// answers waits for the guest's agent, and adds when it answered and when the guest
// began.
func (m *machine) answers(ctx context.Context, v values, what string) error {
	at, err := answered(ctx, onHost(m.cid))
	if err != nil {
		return m.explain(err)
	}
	entry, err := m.place.entries.First()
	if err != nil {
		return err
	}
	v[id(what+"-entry", m.size)], v[id(what+"-answer", m.size)] = ms(entry-m.begin), ms(at-m.begin)
	return nil
}

// saveAndRestore boots the machine, has save write it down, and starts QEMU again with
// the arguments that make it go on.
func (m *machine) saveAndRestore(ctx context.Context, v values, save func(context.Context, *machine) error, again ...string) (err error) {
	defer func() { err = errors.Join(err, m.kill()) }()
	if err := m.start(ctx); err != nil {
		return err
	}
	if err := m.answers(ctx, v, "boot"); err != nil {
		return err
	}
	if err := m.place.settle(ctx); err != nil {
		return err
	}
	begin := measure.Monotonic()
	if err := m.qmp.Do(ctx, "stop", nil); err != nil {
		return err
	}
	if err := save(ctx, m); err != nil {
		return m.explain(err)
	}
	took := measure.Monotonic() - begin
	v[id("pause", m.size)], v[id("create", m.size)] = ms(took), ms(took)
	if err := m.kill(); err != nil {
		return err
	}
	if err := m.start(ctx, again...); err != nil {
		return err
	}
	// What was stopped when it was saved stays so.
	if err := m.goOn(ctx); err != nil {
		return m.explain(err)
	}
	return m.answers(ctx, v, "restore")
}

// pollPause is how long passes between two questions how far QEMU is.
const pollPause = time.Millisecond

// goOn waits until the machine is there, and lets its guest run.
func (m *machine) goOn(ctx context.Context) error {
	for {
		var s struct {
			Status  string
			Running bool
		}
		if err := m.qmp.Ask(ctx, "query-status", nil, &s); err != nil {
			return err
		}
		switch {
		case s.Running:
			return nil
		case s.Status != "inmigrate":
			return m.qmp.Do(ctx, "cont", nil)
		}
		if err := sleep(ctx, pollPause); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// measureMigrate has QEMU migrate a machine into a file, and out of it.
func measureMigrate(ctx context.Context, p *place, size int) (_ values, err error) {
	file := filepath.Join(p.dir, "migrated")
	defer func() { err = errors.Join(err, removeIfThere(file)) }()
	v := make(values)
	m := newMachine(p, size)
	return v, m.saveAndRestore(ctx, v, func(ctx context.Context, m *machine) error { return m.migrate(ctx, file) },
		"-incoming", "exec:cat "+file)
}

// migrate writes a stopped machine into a file.
func (m *machine) migrate(ctx context.Context, file string) error {
	// The default is 128 MiB a second.
	if err := m.qmp.Do(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": int64(1) << 40}); err != nil {
		return err
	}
	if err := m.qmp.Do(ctx, "migrate", map[string]any{"uri": "exec:cat > " + file}); err != nil {
		return err
	}
	for {
		var s struct {
			Status string
			Why    string `json:"error-desc"`
		}
		if err := m.qmp.Ask(ctx, "query-migrate", nil, &s); err != nil {
			return err
		}
		switch s.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("migrate: %s %s", s.Status, s.Why)
		}
		if err := sleep(ctx, pollPause); err != nil {
			return err
		}
	}
}

// measureSaveVM has QEMU write a machine into a qcow2 image, and load it from there.
func measureSaveVM(ctx context.Context, p *place, size int) (_ values, err error) {
	image := filepath.Join(p.dir, "state.qcow2")
	if out, err := exec.CommandContext(ctx, p.options.qemuImg, "create", "-q", "-f", "qcow2", image, "1M").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("qemu-img: %w: %s", err, out)
	}
	defer func() { err = errors.Join(err, removeIfThere(image)) }()
	v := make(values)
	m := newMachine(p, size, "-drive", "if=none,id=state,format=qcow2,file="+image)
	err = m.saveAndRestore(ctx, v, func(ctx context.Context, m *machine) error { return m.qmp.Human(ctx, "savevm "+snapshotName) },
		"-loadvm", snapshotName)
	// Its boot is the other's.
	for _, name := range []string{"boot-entry", "boot-answer"} {
		delete(v, id(name, size))
	}
	return v, err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
