package instances

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// TestAStartThatWasGivenUpMeetsTheNext gives a start up before its supervisor has
// said who it is, and starts again. Whichever of the two supervisors has the
// instance, it can be reached.
func TestAStartThatWasGivenUpMeetsTheNext(t *testing.T) {
	w := newWorld(t)
	w.create("box", "")
	for round := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(round)*time.Millisecond/2)
		err := w.Start(ctx, "box")
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && instance.KindOf(err) != instance.KindBusy {
			t.Fatal(err)
		}
		// It may lose to the first one's, which may give up: then it says so.
		await(t, "it runs", func() bool {
			_ = w.Start(t.Context(), "box")
			return w.state("box").Status == instance.Running
		})
		if err := w.Kill(t.Context(), "box", unix.SIGKILL); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		await(t, "no process is left", func() bool { return len(processes()) == 0 })
	}
}

// TestAMonitorThatIsStuckIsNoSupervisor has a monitor outlive its supervisor: it
// must not hold the lock by which supervisors are known to live.
func TestAMonitorThatIsStuckIsNoSupervisor(t *testing.T) {
	w := newWorld(t)
	d := w.start("box", "")
	st := w.state("box")
	if err := unix.Kill(st.Monitor, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(st.Supervisor, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "it is known to be lost", func() bool { return w.state("box").Status == instance.Exited })
	if err := w.Start(t.Context(), "box"); err != nil {
		t.Fatal(err)
	}
	now := w.state("box")
	if now.Status != instance.Running || now.Monitor == st.Monitor {
		t.Errorf("%+v", now)
	}
	await(t, "the first monitor is gone", func() bool { return unix.Kill(st.Monitor, 0) == unix.ESRCH })
	if err := w.Remove(t.Context(), "box", manager.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.noGroup(d.ID)
}

// TestASupervisorThatIsKilledAtItsStartLeavesNoGroup kills supervisors before they
// have written down that there is a control group.
func TestASupervisorThatIsKilledAtItsStartLeavesNoGroup(t *testing.T) {
	w := newWorld(t)
	for round := range 40 {
		name := fmt.Sprintf("box%d", round)
		d := w.create(name, "")
		c := exec.Command(filepath.Join(programs, "hull"), "start", w.dirs.Guest.Home, programs, name)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(round) * 2 * time.Millisecond)
		for _, p := range processes() {
			if p.program == "hull-supervisor" && strings.Contains(p.args, d.ID) {
				_ = unix.Kill(p.pid, unix.SIGKILL) // it is this test's
			}
		}
		_ = c.Wait() // it may have failed, and may not
		if err := w.Remove(t.Context(), name, manager.RemoveOptions{Force: true}); err != nil {
			t.Fatal(err)
		}
		w.noGroup(d.ID)
		if t.Failed() {
			return
		}
	}
}

// TestForceRemovesALiveInstanceThatCannotBeRead spoils the files of instances that
// run: they are killed and removed all the same.
func TestForceRemovesALiveInstanceThatCannotBeRead(t *testing.T) {
	for _, file := range []string{"instance.json", "state.json"} {
		t.Run(file, func(t *testing.T) {
			w := newWorld(t)
			d := w.start("box", "")
			if err := os.WriteFile(filepath.Join(w.dirs.State, "instances", d.ID, file), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := w.Remove(t.Context(), d.ID, manager.RemoveOptions{}); instance.KindOf(err) != instance.KindCorrupt {
				t.Errorf("without force: %v", err)
			}
			if err := w.Remove(t.Context(), d.ID, manager.RemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
			await(t, "no process is left", func() bool { return len(processes()) == 0 })
			w.noGroup(d.ID)
		})
	}
}
