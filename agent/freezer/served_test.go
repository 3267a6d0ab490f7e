package freezer

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/agent/local"
)

// serve is the agent of a guest whose cgroups lie in root. Each call of dial is
// another connection to it.
func serve(t *testing.T, root string) (dial func() *agent.Client) {
	t.Helper()
	f := New(root)
	s := agent.NewServer(agent.ServerOptions{
		Spawner:  local.NewSpawner(local.Options{Cgroup: group(t, root, "hull"), Enter: f.Enter}),
		Builtins: f.Builtins(),
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		must(t, f.Retire())
		must(t, s.Shutdown(ctx))
	})
	return func() *agent.Client {
		t.Helper()
		here, there := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- s.Serve(context.Background(), there) }()
		c, err := agent.NewClient(limit(t), here)
		must(t, err)
		t.Cleanup(func() {
			c.Close()
			must(t, <-served)
		})
		return c
	}
}

func TestAClientFreezesAndAnotherThaws(t *testing.T) {
	dial := serve(t, tree(t))
	first := dial()
	k := &ticker{t.TempDir() + "/ticks"}
	ticking := agent.Command{
		Args: []string{"/bin/sh", "-c", "while :; do echo; sleep 0.002; done >" + k.file},
		Env:  []string{"PATH=/usr/bin:/bin"},
	}
	_, err := first.Spawn(limit(t), ticking)
	must(t, err)
	k.goesOn(t)
	must(t, first.Freeze(limit(t)))
	first.Close() // as all connections of a machine that goes on from a snapshot
	second := dial()
	k.standsStill(t)
	must(t, second.Freeze(limit(t))) // which it is
	_, err = second.Spawn(limit(t), ticking)
	var refused *agent.SpawnError
	if !errors.As(err, &refused) || !errors.Is(err, unix.EBUSY) || !strings.Contains(refused.Text, "frozen") {
		t.Errorf("a program while all is frozen: %v", err)
	}
	must(t, second.Thaw(limit(t)))
	k.goesOn(t)
	must(t, second.Thaw(limit(t)))
}

func TestAProcessOfALostClientIsKilledWhileFrozen(t *testing.T) {
	dial := serve(t, tree(t))
	first := dial()
	p, err := first.Spawn(limit(t), agent.Command{Args: []string{"/bin/sleep", "1000"}, KillOnDisconnect: true})
	must(t, err)
	must(t, first.Freeze(limit(t)))
	first.Close()
	for ctx := limit(t); unix.Kill(p.PID(), 0) == nil; {
		if ctx.Err() != nil {
			t.Fatal("it is still there")
		}
	}
	must(t, dial().Thaw(limit(t)))
}

func TestAnAgentWithoutFreezer(t *testing.T) {
	s := agent.NewServer(agent.ServerOptions{Spawner: local.NewSpawner(local.Options{})})
	here, there := net.Pipe()
	go func() { _ = s.Serve(context.Background(), there) }()
	c, err := agent.NewClient(limit(t), here)
	must(t, err)
	defer c.Close()
	if err := c.Freeze(limit(t)); !errors.Is(err, agent.ErrNoBuiltin) {
		t.Errorf("to freeze gives %v", err)
	}
	if err := c.Thaw(limit(t)); !errors.Is(err, agent.ErrNoBuiltin) {
		t.Errorf("to thaw gives %v", err)
	}
}

func TestFreezeTakesNoArguments(t *testing.T) {
	for name, run := range New(t.TempDir()).Builtins() {
		var words strings.Builder
		if status := run(t.Context(), agent.BuiltinCall{Args: []string{name, "x"}, Stderr: &words}); status != 2 {
			t.Errorf("%s: status %d, %q", name, status, &words)
		}
	}
}
