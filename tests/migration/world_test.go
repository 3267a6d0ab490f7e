package migration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/tests/guestload"
	"github.com/hullvm/hull/tests/twohosts"
)

// world is two hosts in one kernel, and somebody outside whom their guests speak with.
type world struct {
	t        *testing.T
	base     string
	programs string
	cache    string
	sides    [2]*side
	network  *twohosts.Network
	echo     net.Listener
	answers  guestload.Answers
	names    int
}

// newWorld is newHosts with programs that can move machines.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := newHosts(t)
	requireMigrate(t, w.programs)
	return w
}

func newHosts(t *testing.T) *world {
	t.Helper()
	guesttest.RequireKVM(t)
	if os.Geteuid() != 0 {
		guesttest.Missing(t, "root, for network namespaces and taps")
	}
	for _, tool := range []string{"mkfs.ext4", "e2fsck", "qemu-img", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			guesttest.Missing(t, err.Error()+": run scripts/setup.sh")
		}
	}
	base, err := os.MkdirTemp("", "hull") // t.TempDir's is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	w := &world{t: t, base: base, cache: filepath.Join(base, "c"), answers: make(guestload.Answers)}
	w.must(os.Chmod(base, 0o755)) // monitors have users of their own
	if w.programs = os.Getenv("HULL_PROGRAMS"); w.programs == "" {
		w.programs, err = filepath.Abs("../../bin")
		w.must(err)
	}
	if w.network, err = twohosts.New(); err != nil {
		guesttest.Missing(t, err.Error())
	}
	t.Cleanup(func() { w.network.Close() })
	for i, name := range []string{"a", "b"} {
		s := w.newSide(i, name)
		w.sides[i] = s
		t.Cleanup(func() {
			if err := s.End(); err != nil {
				t.Errorf("side %s: %v", name, err)
			}
		})
	}
	t.Cleanup(w.tell)
	w.echo, err = w.network.Outside.Listen(twohosts.OutsideAddress + ":0")
	w.must(err)
	t.Cleanup(func() { w.echo.Close() })
	go guestload.ServeEcho(w.echo, nil, nil)
	return w
}

// requireMigrate fails a test of programs that cannot move machines.
func requireMigrate(t *testing.T, programs string) {
	t.Helper()
	hull := filepath.Join(programs, "hull")
	for _, name := range []string{"migrate", "receive"} {
		out, err := exec.Command(hull, name, "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "hull "+name) {
			t.Fatalf("%s has no command %s: live migration is not built into it (make build): %v", hull, name, err)
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// shape gives the link of moves a quality (twohosts.Shape).
func (w *world) shape(words ...string) {
	w.t.Helper()
	w.must(w.network.Shape(words...))
}

// ping begins to ping the guest from outside.
func (w *world) ping() *twohosts.Pings {
	w.t.Helper()
	p, err := w.network.Ping(guestload.EchoPort)
	w.must(err)
	return p
}

// other is the side that s is not.
func (w *world) other(s *side) *side {
	if s == w.sides[0] {
		return w.sides[1]
	}
	return w.sides[0]
}

// await waits until something is so: wrong says why it is not yet.
func (w *world) await(what string, wrong func() string) {
	w.t.Helper()
	for end := time.Now().Add(guestload.Patience); ; time.Sleep(50 * time.Millisecond) {
		why := wrong()
		if why == "" {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("not within %v: %s: %s", guestload.Patience, what, why)
		}
	}
}

// tell prints what both sides know, where the test has failed.
func (w *world) tell() {
	if !w.t.Failed() {
		return
	}
	for _, s := range w.sides {
		w.t.Logf("side %s: processes %v", s.name, s.Processes(""))
		files, _ := filepath.Glob(filepath.Join(s.home, "instances", "*", "*"))
		for _, f := range files {
			switch filepath.Base(f) {
			case "supervisor.err", "state.json":
				text, _ := os.ReadFile(f)
				w.t.Logf("%s:\n%s", strings.TrimPrefix(f, w.base), text)
			}
		}
		logs, _ := filepath.Glob(filepath.Join(s.home, "instances", "*", "*log*"))
		for _, f := range logs {
			text, _ := os.ReadFile(f)
			w.t.Logf("%s ends:\n%s", strings.TrimPrefix(f, w.base), text[max(0, len(text)-3000):])
		}
	}
}

func (w *world) name() string {
	w.names++
	return fmt.Sprintf("moved%d", w.names)
}
