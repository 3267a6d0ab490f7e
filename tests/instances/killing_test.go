package instances

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
)

var (
	rounds = flag.Int("rounds", 200, "how many times something is killed at random")
	seed   = flag.Uint64("seed", 0, "of the choices; 0 for another each time")
)

// TestKillingAtRandom kills commands, servers, supervisors and monitors at any
// moment, and looks each time whether what is left is in order: every instance in a
// state that its processes agree with, and no process without an instance. In the
// end everything can be removed, and nothing is left; and what somebody has seen of
// a log is in it.
func TestKillingAtRandom(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d -rounds %d", *seed, *rounds)
	k := &killer{world: newWorld(t), random: rand.New(rand.NewPCG(*seed, 0)), readers: make(map[string]*reader), snapshots: make(map[string]bool), clones: make(map[string]bool)}
	for i, policy := range []string{"no", "on-failure", "always", "unless-stopped", "no", "always"} {
		d := k.create(fmt.Sprintf("box%d", i), fmt.Sprintf("lifecycle.restart = %q\n", policy))
		k.readers[d.ID] = &reader{}
	}
	for i := range *rounds {
		k.round(i)
		if t.Failed() {
			t.Fatalf("in round %d", i)
		}
	}
	t.Logf("%d snapshots were made, and %d clones", len(k.snapshots), len(k.clones))
	k.makeOneOfEach()
	k.end()
}

// makeOneOfEach has a snapshot made that nobody is killed for, and a clone of it:
// whatever was left lying about is in nobody's way.
func (k *killer) makeOneOfEach() {
	k.start("last", "")
	k.snapshot("last", manager.SnapshotOptions{Name: "last"})
	o := manager.CloneOptions{Count: 1, RestoreOptions: manager.RestoreOptions{Name: "last-clone", KVM: kvmDevice()}}
	if _, err := k.Clone(k.t.Context(), "last", o); err != nil {
		k.t.Error(err)
	}
	k.look()
}

type killer struct {
	*world
	random  *rand.Rand
	readers map[string]*reader

	snapshots map[string]bool // names of those that there were
	clones    map[string]bool // ids

	server *exec.Cmd
}

// reader keeps what was seen of an instance's log.
type reader struct{ seen []string }

// verbs of commands that are run, and may be killed.
var verbs = []string{"start", "start", "start", "stop", "kill", "pause", "unpause", "rename", "create", "rm", "snapshot", "snapshot", "clone"}

func (k *killer) round(n int) {
	list := k.listed()
	k.server = k.run("serve", "")
	var commands []*exec.Cmd
	most := 60 * time.Millisecond
	for range 1 + k.random.IntN(3) {
		verb := verbs[k.random.IntN(len(verbs))]
		ref := fmt.Sprintf("new%d", n)
		if len(list) > 0 && verb != "create" {
			ref = list[k.random.IntN(len(list))].Name
		}
		switch few, many := len(list) < 4, len(list) > 8; {
		case verb == "rm" && few:
			verb = "start"
		case (verb == "create" || verb == "clone") && many:
			verb, ref = "rm", list[k.random.IntN(len(list))].Name
		}
		if verb == "snapshot" || verb == "clone" {
			most = 900 * time.Millisecond // some of them shall come to an end
		}
		commands = append(commands, k.run(verb, ref))
	}
	if *real != "" {
		most *= 15 // what has a machine takes longer
	}
	time.Sleep(time.Duration(k.random.Int64N(int64(most))))
	k.kill(commands)
	for _, c := range append(commands, k.server) {
		_ = c.Process.Kill()
		_ = c.Wait() // how it ended is of no interest
	}
	k.look()
}

// run starts a command in a process of its own.
func (k *killer) run(verb, ref string) *exec.Cmd {
	k.t.Helper()
	c := exec.Command(filepath.Join(programs, "hull"), verb, k.dirs.Guest.Home, programs, ref)
	if err := c.Start(); err != nil {
		k.t.Fatal(err)
	}
	return c
}

// kill kills one of the processes that there are: a command, the server, a
// supervisor or a monitor.
func (k *killer) kill(commands []*exec.Cmd) {
	var victims []int
	switch k.random.IntN(4) {
	case 0:
		victims = append(victims, commands[k.random.IntN(len(commands))].Process.Pid)
	case 1:
		victims = append(victims, k.server.Process.Pid)
	default:
		program := []string{"hull-supervisor", "hull-vmm"}[k.random.IntN(2)]
		for _, p := range processes() {
			if p.program == program {
				victims = append(victims, p.pid)
			}
		}
	}
	if len(victims) > 0 {
		// It may have ended by itself; its number is not another's so soon.
		_ = unix.Kill(victims[k.random.IntN(len(victims))], unix.SIGKILL)
	}
}

func (k *killer) listed() []manager.Summary {
	k.t.Helper()
	list, err := k.List(k.t.Context(), manager.ListOptions{All: true})
	if err != nil {
		k.t.Fatal(err)
	}
	return list
}

// look waits until the processes that there are agree with the states, which may
// take a moment, and reads the logs.
func (k *killer) look() {
	var wrong string
	ok := func() bool {
		wrong = k.disagreement()
		return wrong == ""
	}
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("after half a minute: %s", wrong)
		}
	}
	for _, s := range k.listed() {
		k.read(s.ID)
		if s.Snapshot != nil {
			k.clones[s.ID] = true
		}
	}
	k.lookAtSnapshots()
}

// lookAtSnapshots holds that each is whole, whoever was killed; it keeps the newest.
func (k *killer) lookAtSnapshots() {
	ctx := k.t.Context()
	list, err := k.ListSnapshots(ctx)
	if err != nil {
		k.t.Fatal(err)
	}
	for i, s := range list {
		k.snapshots[s.Name] = true
		if s.Problem != "" {
			k.t.Errorf("snapshot %s: %s", s.Name, s.Problem)
		}
		if err := k.VerifySnapshot(ctx, s.Name, nil); err != nil {
			k.t.Error(err)
		}
		if i == 0 {
			continue
		}
		if err := k.RemoveSnapshot(ctx, s.Name, manager.RemoveOptions{}); err != nil {
			k.t.Error(err)
		}
	}
}

// disagreement is what is not in order; empty for nothing.
func (k *killer) disagreement() string {
	list, running := k.listed(), processes()
	owned := make(map[int]bool)
	for _, s := range list {
		if s.Problem != "" {
			return s.Problem
		}
		if err := s.State.Check(); err != nil {
			return fmt.Sprintf("%s: %v", s.Name, err)
		}
		for _, p := range running {
			if p.program == "hull-supervisor" && strings.Contains(p.args, s.ID) {
				if !s.State.Status.Live() && !s.State.Restarting {
					return fmt.Sprintf("%s is %s, and has a supervisor", s.Name, s.State.Status)
				}
				owned[p.pid] = true
			}
		}
		if !s.State.Status.Live() {
			continue
		}
		if !owned[s.State.Supervisor] {
			return fmt.Sprintf("%s is %s, and its supervisor %d is not there", s.Name, s.State.Status, s.State.Supervisor)
		}
		if s.State.Monitor != 0 && unix.Kill(s.State.Monitor, 0) != nil {
			return fmt.Sprintf("%s is %s, and its monitor %d is not there", s.Name, s.State.Status, s.State.Monitor)
		}
		owned[s.State.Monitor] = true
	}
	for _, p := range running {
		if !owned[p.pid] && p.program != "hull" {
			return fmt.Sprintf("process %d (%s) is nobody's", p.pid, p.args)
		}
	}
	return ""
}

// read reads an instance's log, and holds what was seen of it before against it.
func (k *killer) read(id string) {
	r := k.readers[id]
	if r == nil {
		r = &reader{}
		k.readers[id] = r
	}
	ctx, cancel := context.WithTimeout(k.t.Context(), 30*time.Second)
	defer cancel()
	records, err := k.Logs(ctx, id, manager.LogOptions{Tail: -1})
	if instance.KindOf(err) == instance.KindNotFound {
		return // a server has finished what a killed command had begun
	}
	if err != nil {
		k.t.Error(err)
		return
	}
	var now []string
	for rec, err := range records {
		if err != nil {
			k.t.Errorf("log of %s: %v", id, err)
			return
		}
		if rec.Stream == logs.Stdout {
			now = append(now, string(rec.Text))
		}
	}
	if len(now) < len(r.seen) || !slices.Equal(now[:len(r.seen)], r.seen) {
		k.t.Errorf("log of %s: of %d lines that were seen, %d are there, or they are others", id, len(r.seen), len(now))
	}
	r.seen = now
}

// end removes everything, which the clean-up of the world looks at.
func (k *killer) end() {
	for _, s := range k.listed() {
		if err := k.Remove(k.t.Context(), s.ID, manager.RemoveOptions{Force: true}); err != nil {
			k.t.Error(err)
		}
	}
	for id := range k.readers {
		k.noGroup(id)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		k.t.Fatal(err)
	}
	if strings.Contains(string(mounts), k.dirs.State) || strings.Contains(string(mounts), programs) {
		k.t.Errorf("mounts are left:\n%s", mounts)
	}
}
