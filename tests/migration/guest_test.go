package migration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/tests/guestload"
	"github.com/hullvm/hull/tests/twohosts"
)

// moving is an instance with the load in it, wherever it is.
type moving struct {
	*world
	*guestload.Visitor
	name   string
	nonce  string
	breaks int // of the stream to outside, at the last look
	beats  *beats
	images []string
}

// beatEvery is how often a guest sends a beat.
const beatEvery = 10 * time.Millisecond

// boot starts a machine with two processors under load on a side.
func (w *world) boot(on *side) *moving {
	w.t.Helper()
	name := w.name()
	m := &moving{world: w, name: name, images: w.images(name)}
	file := filepath.Join(w.base, name+".toml")
	text := fmt.Sprintf(`
[cpu]
count = 2
[memory]
size = %q
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
name = "lan"
type = "tap"
tap = %q
bridge = %q
address = "%s/24"
[rng]
enabled = true
[init]
exec = ["/data/plain/%s", "load", "7", "8", "%s", "/data/plain,/data/cow"]
`, *memory, *kernel, m.images[0], m.images[1], "tap0", twohosts.Bridge, twohosts.GuestAddress, guestload.Program, w.echo.Addr())
	w.must(os.WriteFile(file, []byte(text), 0o600))
	on.hull("create", "--name", name, file)
	on.hull("start", name)
	m.Visitor = guestload.NewVisitor(w.t, name, w.answers, func(port int) (net.Conn, error) {
		return w.network.Outside.Dial("tcp4", fmt.Sprintf("%s:%d", twohosts.GuestAddress, port))
	})
	first := m.Await("the load answers, and speaks with outside", func(r *guestload.Report) string {
		if r.Progress["outside"] == 0 {
			return "nothing came back from outside"
		}
		return ""
	})
	m.nonce, m.breaks = first.Nonce, first.Breaks["outside"]
	m.beats = w.listenBeats(m.nonce)
	m.Do(fmt.Sprintf("beat %s %v", m.beats.address(), beatEvery))
	m.Talk()
	return m
}

// images makes the two disks of a machine, each with a file system, the first with the
// load's program. Both sides see them at one path.
func (w *world) images(name string) []string {
	w.t.Helper()
	raw, cow := filepath.Join(w.base, name+".img"), filepath.Join(w.base, name+".qcow2")
	tree := filepath.Join(w.base, name+".tree")
	program, err := os.Executable()
	w.must(err)
	w.must(os.Mkdir(tree, 0o755))
	text, err := os.ReadFile(program)
	w.must(err)
	w.must(os.WriteFile(filepath.Join(tree, guestload.Program), text, 0o755))
	w.tool("mkfs.ext4", "-q", "-d", tree, raw, "96M")
	w.must(os.RemoveAll(tree))
	w.tool("mkfs.ext4", "-q", cow+".raw", "48M")
	w.tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", cow+".raw", cow)
	w.must(os.Remove(cow + ".raw"))
	return []string{raw, cow}
}

// tool runs a program that has to succeed.
func (w *world) tool(name string, args ...string) {
	w.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// isItself holds the guest to being what it was since it booted, wherever it is now: its
// memory, files, computations and clocks, its streams, and that there is one of it.
func (m *moving) isItself(before *guestload.Report) {
	m.t.Helper()
	since := m.Do("check") // all of its memory, and its files from the disk
	if since.Nonce != m.nonce {
		m.t.Errorf("%s: what only memory holds was %s and is %s: this is another machine", m.name, m.nonce, since.Nonce)
	}
	for worker, n := range before.Progress {
		if since.Progress[worker] < n {
			m.t.Errorf("%s: %q is at %d, and was at %d", m.name, worker, since.Progress[worker], n)
		}
	}
	if since.Uptime <= before.Uptime {
		m.t.Errorf("%s: its clock is at %v, and was at %v", m.name, time.Duration(since.Uptime), time.Duration(before.Uptime))
	}
	if n := since.Breaks["outside"]; n != m.breaks {
		m.t.Errorf("%s: its stream to outside has ended: %s", m.name, since.Why["outside"])
	}
	select {
	case err := <-m.Lost:
		m.t.Errorf("%s: the stream from outside has ended: %v", m.name, err)
	default:
	}
	talked := m.Talking.Load()
	m.GoesOn(since)
	m.await("the stream from outside goes on", func() string {
		if m.Talking.Load() == talked {
			return fmt.Sprintf("%d exchanges", talked)
		}
		return ""
	})
	m.beats.check(m.t)
	m.Dated()
	m.quiet()
	if m.t.Failed() {
		m.t.FailNow()
	}
}

// quiet holds the guest's kernel to having nothing to complain of, on the side where it
// runs.
func (m *moving) quiet() {
	m.t.Helper()
	s := m.runner()
	log := s.hull("exec", m.name, "sh", "-c", "dmesg --level=emerg,alert,crit,err,warn")
	if c := guesttest.Complaints(m.t, log); c != "" {
		m.t.Errorf("%s: the kernel complains:\n%s", m.name, c)
	}
}

// runner is the one side that runs the machine; the other has nothing of it. It waits
// until that is so.
func (m *moving) runner() (runs *side) {
	m.t.Helper()
	m.await(m.name+" runs on one side, and is nothing to the other", func() string {
		a, b := m.sides[0].status(m.name), m.sides[1].status(m.name)
		switch {
		case a == "running" && b == "":
			runs = m.sides[0]
		case a == "" && b == "running":
			runs = m.sides[1]
		default:
			return fmt.Sprintf("it is %q on %s, and %q on %s", a, m.sides[0].name, b, m.sides[1].name)
		}
		return ""
	})
	return runs
}

// end turns the guest off where it is, and holds what it leaves to being in order.
func (m *moving) end() {
	m.t.Helper()
	m.beats.check(m.t)
	m.HangUp()
	s := m.runner()
	s.hull("stop", m.name)
	s.hull("rm", m.name)
	m.beats.close()
	m.clean()
	for _, s := range m.sides {
		s.nothingIsLeft()
	}
}

// clean holds images and the file systems in them to being in order, and removes them.
func (m *moving) clean() {
	m.t.Helper()
	m.tool("qemu-img", "check", "-q", "-f", "qcow2", m.images[1])
	for i, format := range []string{"raw", "qcow2"} {
		flat := filepath.Join(m.base, "flat.img")
		m.tool("qemu-img", "convert", "-f", format, "-O", "raw", m.images[i], flat)
		m.tool("e2fsck", "-fn", flat)
		m.must(os.Remove(flat))
		m.must(os.Remove(m.images[i]))
	}
}
