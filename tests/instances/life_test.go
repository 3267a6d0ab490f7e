package instances

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/events"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/logs"
)

func (w *world) log(ref string) string {
	w.t.Helper()
	records, err := w.Logs(w.t.Context(), ref, manager.LogOptions{Tail: -1})
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	for r, err := range records {
		if err != nil {
			w.t.Fatal(err)
		}
		if r.Stream == logs.Stdout {
			b.Write(r.Text)
		}
	}
	return b.String()
}

func TestALife(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	d := w.start("box", "")
	st := w.state("box")
	if st.Status != instance.Running || st.Supervisor == 0 || st.Monitor == 0 {
		t.Fatalf("%+v", st)
	}
	if err := w.Start(ctx, "box"); err != nil {
		t.Errorf("start of what runs: %v", err)
	}
	if err := w.Remove(ctx, "box", manager.RemoveOptions{}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("removed while it runs: %v", err)
	}
	if err := w.Pause(ctx, "box"); err != nil {
		t.Fatal(err)
	}
	before := w.log("box")
	time.Sleep(50 * time.Millisecond)
	if after := w.log("box"); after != before {
		t.Errorf("a paused guest wrote %q", strings.TrimPrefix(after, before))
	}
	if _, err := w.Exec(ctx, "box", manager.ExecOptions{}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("exec in a paused guest: %v", err)
	}
	if err := w.Unpause(ctx, "box"); err != nil {
		t.Fatal(err)
	}
	if err := w.Rename(ctx, "box", "crate"); err != nil {
		t.Fatal(err)
	}
	console, err := w.Attach(ctx, "crate", manager.AttachOptions{Input: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(console, "quiet\nsay hello there\n"); err != nil {
		t.Fatal(err)
	}
	var heard bytes.Buffer
	for !strings.Contains(heard.String(), "hello there\n") {
		b := make([]byte, 4096)
		n, err := console.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, heard.String())
		}
		heard.Write(b[:n])
	}
	if _, err := fmt.Fprintln(console, "exit 7"); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(console); err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	console.Close()
	exit, err := w.Wait(ctx, "crate")
	if err != nil || exit.Code != 7 || exit.Reason != instance.PowerOff {
		t.Errorf("%+v, %v", exit, err)
	}
	text := w.log("crate")
	if !strings.HasPrefix(text, "step 0\nstep 1\n") || !strings.HasSuffix(text, "hello there\n") {
		t.Errorf("the log is %q", text)
	}
	// Once more, from the beginning.
	if err := w.Start(ctx, d.ID[:12]); err != nil {
		t.Fatal(err)
	}
	if err := w.Stop(ctx, "crate", manager.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if st := w.state("crate"); st.Exit.Reason != instance.Stopped || !st.ByUser {
		t.Errorf("%+v", st)
	}
	if again := w.log("crate"); !strings.HasPrefix(again, text+"step 0\n") {
		t.Errorf("the log of both lives does not begin with the first: %q", again)
	}
	if err := w.Remove(ctx, "crate", manager.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	w.noGroup(d.ID)
	var actions []string
	for e, err := range w.Events(ctx, events.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		actions = append(actions, e.Action)
	}
	want := "create start pause unpause rename die start stop die destroy"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestRestart(t *testing.T) {
	w := newWorld(t)
	w.create("box", "")
	last := 0
	for i := range 3 { // from created, and from running
		if err := w.Restart(t.Context(), "box", manager.StopOptions{}); err != nil {
			t.Fatal(err)
		}
		st := w.state("box")
		if st.Status != instance.Running || st.Monitor == last || st.Restarts != 0 || st.ByUser {
			t.Errorf("after %d: %+v", i, st)
		}
		last = st.Monitor
	}
	_, err := w.Create(t.Context(), manager.CreateOptions{Machine: w.machine(""), Name: "once", KVM: kvmDevice(), AutoRemove: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Restart(t.Context(), "once", manager.StopOptions{}); instance.KindOf(err) != instance.KindWrongState {
		t.Errorf("one that removes itself: %v", err)
	}
}

// Ends that nobody asked for are told apart.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	for line, want := range map[string]instance.Exit{
		"exit 3": {Code: 3, Reason: instance.PowerOff},
		"reset":  {Code: 120, Reason: instance.Reset},
		"panic":  {Code: 121, Reason: instance.GuestPanic},
		"triple": {Code: 122, Reason: instance.TripleFault},
		"crash":  {Code: 124, Reason: instance.MonitorCrash},
	} {
		name := strings.Fields(line)[0]
		w.start(name, "")
		w.typed(name, line)
		exit, err := w.Wait(t.Context(), name)
		if err != nil || exit.Code != want.Code || exit.Reason != want.Reason {
			t.Errorf("%s: %+v, %v; want %+v", line, exit, err, want)
		}
	}
}

func TestAKilledMonitorIsACrashAndMayStartAgain(t *testing.T) {
	w := newWorld(t)
	w.start("box", "lifecycle.restart = 'on-failure:1'\n")
	for i := range 2 {
		st := w.state("box")
		if err := unix.Kill(st.Monitor, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, "it runs again, or has ended", func() bool {
			now := w.state("box")
			return now.Restarts == 1 && now.Status == instance.Running && now.Monitor != st.Monitor || now.Status == instance.Exited && !now.Restarting
		})
		if now := w.state("box"); i == 0 && now.Status != instance.Running || i == 1 && (now.Status != instance.Exited || now.Exit.Reason != instance.MonitorCrash) {
			t.Fatalf("after kill %d: %+v", i, now)
		}
	}
}

func TestAKilledSupervisorLeavesNothingRunning(t *testing.T) {
	w := newWorld(t)
	for _, policy := range []string{"no", "always"} {
		d := w.start(policy, fmt.Sprintf("lifecycle.restart = %q\n", policy))
		st := w.state(policy)
		if err := unix.Kill(st.Supervisor, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		await(t, "the monitor has ended", func() bool { return unix.Kill(st.Monitor, 0) == unix.ESRCH })
		if now := w.state(policy); now.Status != instance.Exited || now.Exit.Reason != instance.Lost {
			t.Errorf("%+v", now)
		}
		started, err := w.Recover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := policy == "always"; (len(started) == 1 && started[0] == d.ID) != want {
			t.Errorf("%s: recovery started %v", policy, started)
		}
		if err := w.Remove(t.Context(), policy, manager.RemoveOptions{Force: true}); err != nil {
			t.Error(err)
		}
		w.noGroup(d.ID)
	}
}

func TestTheHostsEndIsNotAUsers(t *testing.T) {
	w := newWorld(t)
	w.start("box", "lifecycle.restart = 'unless-stopped'\n")
	if err := unix.Kill(w.state("box").Supervisor, unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	exit, err := w.Wait(t.Context(), "box")
	if err != nil || exit.Reason != instance.Stopped {
		t.Fatalf("%+v, %v", exit, err)
	}
	if started, err := w.Recover(t.Context()); err != nil || len(started) != 1 {
		t.Errorf("recovery started %v, %v", started, err)
	}
	if err := w.Stop(t.Context(), "box", manager.StopOptions{}); err != nil {
		t.Fatal(err)
	}
	if started, err := w.Recover(t.Context()); err != nil || len(started) != 0 {
		t.Errorf("what a user has stopped is started: %v, %v", started, err)
	}
}

func TestAStartThatFailsSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.create("no-kvm", "")
	d, err := w.Create(t.Context(), manager.CreateOptions{Machine: w.machine(""), Name: "box", KVM: "/no/such/kvm"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), "box"); err == nil || !strings.Contains(err.Error(), "/no/such/kvm") || !strings.Contains(err.Error(), `"box"`) {
		t.Errorf("%v", err)
	}
	if st := w.state("box"); st.Status != instance.Created {
		t.Errorf("%+v", st)
	}
	await(t, "its supervisor has ended", func() bool { return len(processes()) == 0 })
	if _, err := os.Stat(w.dirs.RunDir(d.ID)); !os.IsNotExist(err) {
		t.Errorf("its sockets are left: %v", err)
	}
	w.noGroup(d.ID)
	if err := os.Remove(w.dirs.Guest.Home + "/kernel"); err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), "no-kvm"); err == nil || !strings.Contains(err.Error(), "kernel") {
		t.Errorf("%v", err)
	}
}

func TestOneThatRemovesItself(t *testing.T) {
	w := newWorld(t)
	d, err := w.Create(t.Context(), manager.CreateOptions{Machine: w.machine(""), Name: "box", KVM: kvmDevice(), AutoRemove: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(t.Context(), "box"); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() {
		exit, err := w.Wait(t.Context(), "box")
		if err == nil && exit.Code != 5 {
			err = fmt.Errorf("exit %+v", exit)
		}
		waited <- err
	}()
	w.typed("box", "exit 5")
	if err := <-waited; err != nil {
		t.Error(err)
	}
	await(t, "it is gone", func() bool {
		_, err := w.Inspect(t.Context(), d.ID)
		return instance.KindOf(err) == instance.KindNotFound
	})
}
