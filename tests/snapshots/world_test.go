package snapshots

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/tests/guestload"
)

// world is a home for instances and snapshots, in folders of a test's own.
type world struct {
	t    *testing.T
	base string
	*manager.Manager

	echo    net.Listener // of the host, on 127.0.0.1
	answers guestload.Answers
	names   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	guesttest.RequireKVM(t)
	for _, tool := range []string{"mkfs.ext4", "e2fsck", "qemu-img"} {
		if _, err := exec.LookPath(tool); err != nil {
			guesttest.Missing(t, err.Error()+": run scripts/setup.sh")
		}
	}
	base, err := os.MkdirTemp("", "hull") // t.TempDir's is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dirs := manager.Dirs{State: filepath.Join(base, "s"), Run: filepath.Join(base, "r"), Guest: guest.DirsFromEnv(os.Getenv)}
	if dirs.Guest.Programs = os.Getenv("HULL_PROGRAMS"); dirs.Guest.Programs == "" {
		if dirs.Guest.Programs, err = filepath.Abs("../../bin"); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{t: t, base: base, answers: make(guestload.Answers)}
	if w.Manager, err = manager.Open(dirs, nil); err != nil {
		t.Fatal(err)
	}
	if w.echo, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go guestload.ServeEcho(w.echo, nil, nil)
	t.Cleanup(w.cleanUp)
	return w
}

// cleanUp removes what is left, and tells of it where the test has failed.
func (w *world) cleanUp() {
	w.echo.Close()
	ctx, cancel := context.WithTimeout(context.Background(), guestload.Patience)
	defer cancel()
	list, err := w.List(ctx, manager.ListOptions{All: true})
	if err != nil {
		w.t.Error(err)
	}
	for _, s := range list {
		if w.t.Failed() {
			w.tell(s.ID)
		}
		if err := w.Remove(ctx, s.ID, manager.RemoveOptions{Force: true}); err != nil && instance.KindOf(err) != instance.KindNotFound {
			w.t.Error(err)
		}
	}
}

// tell prints the end of an instance's log, and what its supervisor had to say.
func (w *world) tell(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var text strings.Builder
	records, err := w.Logs(ctx, id, manager.LogOptions{Tail: 60})
	if err == nil {
		for r, err := range records {
			if err != nil {
				break
			}
			text.Write(r.Text)
			text.WriteByte('\n')
		}
	}
	said, _ := os.ReadFile(filepath.Join(w.base, "s", "instances", id, "supervisor.err"))
	var state instance.State
	if d, err := w.Inspect(ctx, id); err == nil {
		state = d.State
	}
	w.t.Logf("%.12s: %s, exit %+v\n%s%s", id, state.Status, state.Exit, text.String(), said)
}

func (w *world) name(kind string) string {
	w.names++
	return fmt.Sprintf("%s%d", kind, w.names)
}

// must fails the test for an error.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// kind is a machine to boot.
type kind struct {
	kernel    string // a bundle
	memory    string
	more      string // in [memory]
	mebibytes int    // of memory that the load keeps
	seed      uint64
	balloon   bool
}

// boot starts a machine with four processors under load.
func (w *world) boot(k kind) *live {
	w.t.Helper()
	name := w.name("boot")
	raw, cow := w.images(name)
	text := fmt.Sprintf(`
[cpu]
count = 4
[memory]
size = %q
%s
[boot]
kernel = %q
[[disk]]
name = "plain"
path = %q
format = "raw"
mount = "/data/plain"
[[disk]]
name = "cow"
path = %q
format = "qcow2"
queues = 2
mount = "/data/cow"
[[net]]
name = "user"
host_loopback = true
[vsock]
path = %q
[rng]
enabled = true
[balloon]
enabled = %v
[init]
exec = ["/data/plain/%s", "load", "%d", "%d", "10.0.2.254:%d", "/data/plain,/data/cow"]
`, k.memory, k.more, k.kernel, raw, cow, filepath.Join(w.base, name+".sock"), k.balloon,
		guestload.Program, k.seed, k.mebibytes, w.echo.Addr().(*net.TCPAddr).Port)
	machine, err := configs.Parse(name, []byte(text))
	w.must(err)
	_, err = w.Create(w.t.Context(), manager.CreateOptions{Machine: machine, Name: name})
	w.must(err)
	w.must(w.Start(w.t.Context(), name))
	return w.alive(name)
}

// images makes the two disks of a machine, each with a file system, the first with
// the load's program.
func (w *world) images(name string) (raw, cow string) {
	w.t.Helper()
	raw, cow = filepath.Join(w.base, name+".img"), filepath.Join(w.base, name+".qcow2")
	tree := filepath.Join(w.base, name+".tree")
	program, err := os.Executable()
	w.must(err)
	w.must(os.Mkdir(tree, 0o755))
	text, err := os.ReadFile(program)
	w.must(err)
	w.must(os.WriteFile(filepath.Join(tree, guestload.Program), text, 0o755))
	w.run("mkfs.ext4", "-q", "-d", tree, raw, "96M")
	w.must(os.RemoveAll(tree))
	w.run("mkfs.ext4", "-q", cow+".raw", "48M")
	w.run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", cow+".raw", cow)
	w.must(os.Remove(cow + ".raw"))
	return raw, cow
}

// run runs a program that has to succeed.
func (w *world) run(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// restore has an instance go on from a snapshot: as the machine that it was, or as a
// clone.
func (w *world) restore(snapshot string, clone bool) *live {
	w.t.Helper()
	var err error
	name := w.name("restored")
	if clone {
		name = w.name("clone")
		_, err = w.Clone(w.t.Context(), snapshot, manager.CloneOptions{Count: 1, RestoreOptions: manager.RestoreOptions{Name: name}})
	} else {
		_, err = w.Restore(w.t.Context(), snapshot, manager.RestoreOptions{Name: name})
	}
	w.must(err)
	return w.alive(name)
}

// snapshot writes down what an instance is.
func (w *world) snapshot(of *live) string {
	w.t.Helper()
	name := w.name("snapshot")
	s, err := w.CreateSnapshot(w.t.Context(), of.name, manager.SnapshotOptions{Name: name})
	w.must(err)
	return s.Name
}

// forget removes a snapshot, whether or not somebody lies over it.
func (w *world) forget(snapshot string) {
	w.t.Helper()
	w.must(w.RemoveSnapshot(w.t.Context(), snapshot, manager.RemoveOptions{Force: true}))
}
