package manager

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/names"
	"github.com/hullvm/hull/manager/supervisor"
)

// TestStatsHaveHowFarAMoveIs has a supervisor say of an instance that it moves, that it
// does not, and nothing.
func TestStatsHaveHowFarAMoveIs(t *testing.T) {
	run, err := os.MkdirTemp("", "hull") // t.TempDir's is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	m, err := Open(Dirs{State: t.TempDir(), Run: run}, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &instance.Description{
		Version: 1, ID: names.NewID(), Name: "web", Created: time.Now(), Restart: "no", Kernel: "debian-cloud",
		Command: []string{"/bin/sh"}, Machine: "name = 'n'\n[boot]\nkernel = 'debian-cloud'\n",
	}
	if err := m.store.Create(d, nil); err != nil {
		t.Fatal(err)
	}
	// Paused, so that there is no agent to ask. This process is the monitor.
	st := &instance.State{Version: instance.StateVersion, Status: instance.Paused, Monitor: os.Getpid(), Started: time.Now()}
	if err := m.store.PutState(d.ID, st); err != nil {
		t.Fatal(err)
	}
	claim, err := m.store.Claim(d.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer claim.Close()
	var says atomic.Pointer[supervisor.Monitor]
	asked := serveInspect(t, m.dirs.SupervisorSocket(d.ID), &says)
	for name, moving := range map[string]*supervisor.Moving{
		"nothing": nil,
		"moving":  {Phase: "copying", Round: 2, Sent: 7, Left: 5, DirtyRate: 3, Elapsed: time.Second},
	} {
		before := asked.Load()
		says.Store(&supervisor.Monitor{PID: os.Getpid(), Moving: moving})
		s, err := m.Stats(t.Context(), "web")
		if err != nil || s.MemoryUsage == 0 || asked.Load() == before {
			t.Fatalf("%s: %+v, %v", name, s, err)
		}
		if want := (*MigrationProgress)(moving); !reflect.DeepEqual(s.Moving, want) {
			t.Errorf("%s: %+v, want %+v", name, s.Moving, want)
		}
	}
	says.Store(nil)
	if s, err := m.Stats(t.Context(), "web"); err != nil || s.Moving != nil || s.MemoryUsage == 0 {
		t.Errorf("a supervisor that says nothing: %+v, %v", s, err)
	}
}

// serveInspect answers requests at a socket with what is said of the monitor, or, where
// that is nil, ends their connections. It counts them.
func serveInspect(t *testing.T, path string, says *atomic.Pointer[supervisor.Monitor]) *atomic.Int64 {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	asked := new(atomic.Int64)
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Error(err)
				return
			}
			var q supervisor.Request
			line, err := bufio.NewReader(c).ReadBytes('\n')
			if err == nil {
				err = json.Unmarshal(line, &q)
			}
			if err != nil || q.Op != supervisor.OpInspect {
				t.Errorf("%q: %v", line, err)
			}
			asked.Add(1)
			if monitor := says.Load(); monitor != nil {
				if err := json.NewEncoder(c).Encode(&supervisor.Reply{Monitor: monitor}); err != nil {
					t.Error(err)
				}
			}
			c.Close()
		}
	}()
	return asked
}
