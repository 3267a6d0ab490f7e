package commands

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hullvm/hull/internal/guesttest"
)

// commandTime is how long one command of a document may take: only one that hangs
// takes as long.
const commandTime = 3 * time.Minute

// host is a home for instances, and a folder to be in.
type host struct {
	t        *testing.T
	dir, env string
	status   int // of the last command
}

func newHost(t *testing.T) *host {
	t.Helper()
	guesttest.RequireKVM(t)
	base, err := os.MkdirTemp("", "hull") // t.TempDir's is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: filepath.Join(base, "work"), env: filepath.Join(base, "home")}
	for _, d := range []string{h.dir, h.env} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	kernels := os.Getenv("HULL_HOME")
	if kernels == "" {
		kernels = "/var/lib/hull"
	}
	if err := os.Symlink(filepath.Join(kernels, "kernels"), filepath.Join(h.env, "kernels")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := h.sh("ids=$(hull ps -aq); [ -z \"$ids\" ] || hull rm -f $ids"); err != nil {
			t.Errorf("clean up: %v\n%s", err, out)
		}
		if t.Failed() {
			h.tell()
		}
		os.RemoveAll(base)
	})
	return h
}

// tell prints what supervisors had to say.
func (h *host) tell() {
	files, _ := filepath.Glob(filepath.Join(h.env, "instances", "*", "supervisor.err"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		h.t.Logf("%s:\n%s", f, text)
	}
}

// environ is the environment of a command, with Hull's programs first in the path.
func (h *host) environ() []string {
	programs := os.Getenv("HULL_PROGRAMS")
	if programs == "" {
		programs, _ = filepath.Abs("../../bin")
	}
	return append(os.Environ(), "HULL_HOME="+h.env, "HULL_PROGRAMS="+programs, "PATH="+programs+":"+os.Getenv("PATH"))
}

// sh runs a command as a shell does that has just run another.
func (h *host) sh(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	c := exec.CommandContext(ctx, "sh", "-c", "(exit "+strconv.Itoa(h.status)+"); "+command)
	c.Dir, c.Env = h.dir, h.environ()
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	h.status = 0
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		h.status, err = exit.ExitCode(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return string(out), err
}

// TestTheExamplesOfTheDocument types what documents have, in their order.
func TestTheExamplesOfTheDocument(t *testing.T) {
	for name, least := range documented {
		t.Run(name, func(t *testing.T) { typeExamples(t, "../../docs/"+name+".md", least) })
	}
}

func typeExamples(t *testing.T, document string, least int) {
	h := newHost(t)
	list, files := examples(t, document)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(list) < least {
		t.Fatalf("%d examples were found: has their mark changed?", len(list))
	}
	for _, e := range list {
		out, err := h.sh(e.command)
		if err != nil {
			t.Fatalf("line %d: %s: %v\n%s", e.line, e.command, err, out)
		}
		if got, want := e.canon(out), e.canon(e.output); got != want {
			t.Errorf("line %d: %s\nprints (status %d):\n%swhere the document has:\n%s", e.line, e.command, h.status, out, e.output)
		}
		if strings.Contains(out, "hull boot -d") && t.Failed() {
			t.FailNow() // nothing that follows makes sense
		}
	}
}
