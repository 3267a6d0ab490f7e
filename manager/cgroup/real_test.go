package cgroup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/internal/guesttest"
)

// roleVariable makes this binary a process for a group: it waits for a line on
// its input, says one, and does what its role is.
const roleVariable = "HULL_TEST_CGROUP_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Exit(m.Run())
	}
	in := bufio.NewReader(os.Stdin)
	_, _ = in.ReadString('\n')
	switch role {
	case "eat":
		eat(128 << 20)
	case "fork":
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleVariable+"=idle")
		cmd.Stdin = os.Stdin
		if err := cmd.Start(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "spin":
		fmt.Println("ready")
		for {
			_ = unix.Getppid()
		}
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, in)
}

// eat touches so many bytes of memory.
func eat(n int) {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	fmt.Println("ate", len(b))
}

// realHost is this host, with a parent of the test's own.
func realHost(t *testing.T) *host {
	t.Helper()
	h, err := findHost("/", kernel{}, "hull-test-"+strconv.Itoa(os.Getpid()))
	if err == nil {
		err = h.prepare()
	}
	if err != nil {
		guesttest.Missing(t, err.Error())
	}
	t.Cleanup(func() {
		for _, base := range h.bases {
			_ = os.Remove(filepath.Join(base, h.parent)) // one tree may have two controllers
		}
	})
	return h
}

func group(t *testing.T, h *host, l Limits) *Group {
	t.Helper()
	g, err := h.create("a", l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(g.Kill(ctx), g.Remove(ctx)); err != nil {
			t.Error(err)
		}
	})
	return g
}

// member starts a process in a group and waits for its word. Its end is sent.
func member(t *testing.T, g *Group, role string) (said string, end <-chan error) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		t.Fatal(err)
	}
	said, _ = bufio.NewReader(out).ReadString('\n') // it may end instead
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return strings.TrimSpace(said), ended
}

func wasKilled(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(interface{ Signal() unix.Signal }).Signal() == unix.SIGKILL
}

func TestAGroupIsKilledAndRemoved(t *testing.T) {
	g := group(t, realHost(t), Limits{CPUs: 1, Memory: 512 << 20, PIDs: 100})
	_, idle := member(t, g, "idle")
	if said, _ := member(t, g, "fork"); said != "ready" {
		t.Fatalf("the one that forks said %q", said)
	}
	pids, err := g.Processes()
	if err != nil || len(pids) != 3 || !slices.IsSorted(pids) {
		t.Errorf("processes %v, %v", pids, err)
	}
	s, err := g.Stats()
	if err != nil || s.CPUTime <= 0 || s.MemoryUsage == 0 || s.MemoryLimit != 512<<20 || s.PIDs < 3 || s.OOMKills != 0 {
		t.Errorf("statistics %+v, %v", s, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := g.Remove(short); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, unix.EBUSY) {
		t.Errorf("removing one in use: %v", err)
	}
	if err := g.Freeze(true); err != nil {
		t.Fatal(err)
	}
	if err := g.Kill(t.Context()); err != nil { // frozen as it is
		t.Fatal(err)
	}
	if err := <-idle; !wasKilled(err) {
		t.Errorf("it ended with %v", err)
	}
	if pids, err := g.Processes(); err != nil || len(pids) != 0 {
		t.Errorf("left: %v, %v", pids, err)
	}
	for range 2 {
		if err := g.Remove(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range g.paths() {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if _, err := g.host.open("a"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opened: %v", err)
	}
}

func TestAFrozenGroupStandsStill(t *testing.T) {
	g := group(t, realHost(t), Limits{})
	member(t, g, "spin")
	if err := g.Freeze(true); err != nil {
		t.Fatal(err)
	}
	used := func() time.Duration {
		s, err := g.Stats()
		if err != nil {
			t.Fatal(err)
		}
		return s.CPUTime
	}
	before := used()
	time.Sleep(50 * time.Millisecond)
	if after := used(); after != before {
		t.Errorf("frozen, it used %v", after-before)
	}
	if err := g.Freeze(false); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); used() == before; {
		if time.Now().After(deadline) {
			t.Fatal("it does not go on")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestTooMuchMemoryIsSeen(t *testing.T) {
	g := group(t, realHost(t), Limits{Memory: 64 << 20})
	said, end := member(t, g, "eat")
	if err := <-end; !wasKilled(err) || said != "" {
		t.Errorf("it said %q and ended with %v", said, err)
	}
	s, err := g.Stats()
	if err != nil || s.OOMKills == 0 || s.MemoryPeak == 0 || s.MemoryPeak > 65<<20 {
		t.Errorf("statistics %+v, %v", s, err)
	}
	if err := g.Set(Limits{Memory: 2 << 30}); err != nil { // raised, the next one lives
		t.Fatal(err)
	}
	if said, _ := member(t, g, "eat"); said != "ate 134217728" {
		t.Errorf("with enough it said %q", said)
	}
	if err := g.Set(Limits{}); err != nil {
		t.Fatal(err)
	}
	if s, err := g.Stats(); err != nil || s.MemoryLimit != 0 {
		t.Errorf("without a limit: %+v, %v", s, err)
	}
}

func TestALimitOfProcessesHolds(t *testing.T) {
	g := group(t, realHost(t), Limits{})
	member(t, g, "idle")
	s, err := g.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Set(Limits{PIDs: int64(s.PIDs)}); err != nil {
		t.Fatal(err)
	}
	if said, _ := member(t, g, "fork"); !strings.Contains(said, "resource temporarily unavailable") && said != "" {
		t.Errorf("it said %q", said)
	}
}

// unifiedWithoutControllers is a tree of version 2, as a host of version 1 may
// have one beside the others: groups can be killed and frozen in it.
func unifiedWithoutControllers(t *testing.T) *Group {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range parseMounts(string(text)) {
		dir := filepath.Join(m.point, "hull-test-unified-"+strconv.Itoa(os.Getpid()))
		if !m.unified || os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		h := &host{files: kernel{}, parent: filepath.Base(dir), bases: map[string]string{"": m.point}}
		g := h.group("a")
		if err := g.make(); err != nil {
			t.Fatal(err)
		}
		return g
	}
	guesttest.Missing(t, "a tree of control groups of version 2 that may be written")
	return nil
}

func TestAGroupOfVersion2IsFrozenKilledAndRemoved(t *testing.T) {
	g := unifiedWithoutControllers(t)
	_, end := member(t, g, "idle")
	if err := g.host.files.mkdir(filepath.Join(g.Path(), "below")); err != nil {
		t.Fatal(err)
	}
	if err := g.Freeze(true); err != nil {
		t.Fatal(err)
	}
	if ok, err := g.isFrozen(); !ok || err != nil {
		t.Errorf("frozen %v, %v", ok, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := g.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-end; !wasKilled(err) {
		t.Errorf("it ended with %v", err)
	}
	if err := g.Remove(ctx); err != nil {
		t.Error(err)
	}
}
