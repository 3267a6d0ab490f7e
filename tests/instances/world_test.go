package instances

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/cgroup"
	"github.com/hullvm/hull/manager/instance"
)

// world is a host's instances, in folders of a test's own.
type world struct {
	t    *testing.T
	dirs manager.Dirs
	*manager.Manager
}

func newWorld(t *testing.T) *world {
	t.Helper()
	run, err := os.MkdirTemp("", "hull") // t.TempDir's is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	w := &world{t: t, dirs: manager.Dirs{State: filepath.Join(run, "s"), Run: filepath.Join(run, "r"), Guest: guest.Dirs{
		Home: run, Kernels: filepath.Join(run, "k"), Cache: filepath.Join(run, "c"), Programs: programs,
	}}}
	image := kernel()
	if *real != "" {
		image = ticking()
	}
	if err := os.WriteFile(filepath.Join(run, "kernel"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	if w.Manager, err = manager.Open(w.dirs, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cleanUp)
	return w
}

// cleanUp removes what a test has left, and complains of what it cannot remove.
func (w *world) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := w.List(ctx, manager.ListOptions{All: true})
	if err != nil {
		w.t.Error(err)
	}
	for _, s := range list {
		if err := w.Remove(ctx, s.ID, manager.RemoveOptions{Force: true}); err != nil && instance.KindOf(err) != instance.KindNotFound {
			w.t.Error(err)
		}
	}
	w.nothingIsLeft()
}

// machineText is a machine file whose kernel is in a folder.
func machineText(home string) string {
	return fmt.Sprintf("boot.kernel = %q\nboot.protocol = 'elf'\nboot.initrd = 'none'\nmemory.size = '32MiB'\n", filepath.Join(home, "kernel"))
}

// kernel is as much of a kernel as a monitor needs that has no machine: the header
// of an ELF file for x86-64.
func kernel() []byte {
	b := make([]byte, 64)
	copy(b, elf.ELFMAG)
	b[elf.EI_CLASS], b[elf.EI_DATA], b[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	binary.LittleEndian.PutUint16(b[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(b[18:], uint16(elf.EM_X86_64))
	binary.LittleEndian.PutUint32(b[20:], uint32(elf.EV_CURRENT))
	binary.LittleEndian.PutUint16(b[52:], uint16(len(b)))
	return b
}

// machine is a description for a monitor that has no machine.
func (w *world) machine(more string) *configs.Machine {
	w.t.Helper()
	m, err := configs.Parse("box.toml", []byte(machineText(w.dirs.Guest.Home)+more))
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

func (w *world) create(name, more string) *instance.Description {
	w.t.Helper()
	d, err := w.Create(w.t.Context(), manager.CreateOptions{Machine: w.machine(more), Name: name, KVM: kvmDevice()})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) start(name, more string) *instance.Description {
	w.t.Helper()
	d := w.create(name, more)
	if err := w.Start(w.t.Context(), name); err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) state(ref string) instance.State {
	w.t.Helper()
	d, err := w.Inspect(w.t.Context(), ref)
	if err != nil {
		w.t.Fatal(err)
	}
	return d.State
}

// typed sends a line to the guest's console.
func (w *world) typed(ref, line string) {
	w.t.Helper()
	c, err := w.Attach(w.t.Context(), ref, manager.AttachOptions{Input: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, line); err != nil {
		w.t.Fatal(err)
	}
	// The end of the connection must not overtake the line.
	time.Sleep(20 * time.Millisecond)
}

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// process is one of Hull's that runs.
type process struct {
	pid     int
	program string
	args    string
}

// processes are those that run programs of this test's folder, but the dead.
func processes() []process {
	all, _ := filepath.Glob("/proc/[0-9]*")
	var found []process
	for _, dir := range all {
		exe, err := os.Readlink(filepath.Join(dir, "exe"))
		if err != nil || filepath.Dir(exe) != programs {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		p := process{args: strings.ReplaceAll(string(args), "\x00", " ")}
		_, _ = fmt.Sscan(filepath.Base(dir), &p.pid)
		// All three are one file: its name says which.
		p.program, _, _ = strings.Cut(p.args, " ")
		p.program = filepath.Base(p.program)
		found = append(found, p)
	}
	return found
}

// nothingIsLeft looks for what instances leave when they are gone: processes,
// sockets, files, control groups.
func (w *world) nothingIsLeft() {
	w.t.Helper()
	await(w.t, "no process is left", func() bool { return len(processes()) == 0 })
	// The next who comes clears away what a killed command had begun to make.
	if _, err := manager.Open(w.dirs, nil); err != nil {
		w.t.Error(err)
	}
	for _, dir := range []string{filepath.Join(w.dirs.Run, "instances"), filepath.Join(w.dirs.State, "instances"), filepath.Join(w.dirs.State, "names"), filepath.Join(w.dirs.State, "removing")} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Error(err)
		}
		for _, e := range entries {
			w.t.Errorf("left behind: %s", filepath.Join(dir, e.Name()))
		}
	}
}

// noGroup looks for the control group of an instance that is gone.
func (w *world) noGroup(id string) {
	w.t.Helper()
	if cgroup.Available() != nil {
		return
	}
	if _, err := cgroup.Open(w.dirs.GroupName(id)); !errors.Is(err, os.ErrNotExist) {
		w.t.Errorf("its control group is left: %v", err)
	}
}
