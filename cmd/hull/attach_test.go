package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
)

// guardSignals keeps signals that come before or after hull listens from ending
// the test.
func guardSignals(t *testing.T, s ...os.Signal) {
	t.Helper()
	c := make(chan os.Signal, 1)
	signal.Notify(c, s...)
	t.Cleanup(func() { signal.Stop(c) })
}

// saying is a guest that says something and ends.
func saying(text string) func(net.Conn) {
	return func(console net.Conn) {
		_, _ = io.WriteString(console, text)
		console.Close()
	}
}

// patientHull is hull with a clock that stands still.
func patientHull(f *fakeEngine, stdin *os.File) (a *app, stdout, stderr *lockedBuffer) {
	a, stdout, stderr = hullApp(f, stdin, nil)
	a.After = func(time.Duration) <-chan time.Time { return nil }
	return a, stdout, stderr
}

// attached runs a command line that joins a console, without an input.
func attached(t *testing.T, f *fakeEngine, args ...string) outcome {
	t.Helper()
	a, stdout, stderr := patientHull(f, nil)
	status := a.main(t.Context(), args)
	return outcome{stdout.String(), stderr.String(), status}
}

func exits(e instance.Exit) chan instance.Exit {
	c := make(chan instance.Exit, 1)
	c <- e
	return c
}

func TestAttachEndsAsTheInstance(t *testing.T) {
	for name, test := range map[string]struct {
		exit   instance.Exit
		stderr string
		status int
	}{
		"well":     {instance.Exit{Reason: instance.PowerOff}, "", 0},
		"a status": {instance.Exit{Code: 3, Reason: instance.PowerOff}, "", 3},
		"killed":   {instance.Exit{Code: 137, Reason: instance.Killed}, "hull: instance \"web\" ended: killed (status 137)\n", 137},
		"crash":    {instance.Exit{Code: 124, Reason: instance.MonitorCrash, Detail: "signal 11"}, "hull: instance \"web\" ended: monitor crash (status 124): signal 11\n", 124},
	} {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"attach", "console"} {
				f := &fakeEngine{instances: someInstances(), guest: saying("hello\r\n"), exits: exits(test.exit)}
				attached(t, f, command, "--no-stdin", "web").want(t, "hello\r\n", test.stderr, test.status)
				wantCalls(t, f, "inspect web", "wait "+someID("1"), "attach web input=false")
			}
		})
	}
}

func TestAttachFails(t *testing.T) {
	for name, test := range map[string]struct {
		args   []string
		fail   map[string]error
		stderr string
		status int
	}{
		"not there":   {[]string{"nobody"}, nil, "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n", 1},
		"not running": {[]string{"done"}, map[string]error{"attach": wrongState("done", "attach", "it is not running")}, "hull: instance \"done\": attach: it is not running\n", 1},
		"keys":        {[]string{"--detach-keys", "up", "web"}, nil, "hull: --detach-keys: \"up\" in \"up\" is no key; write a character, or ctrl- with a letter or one of @[\\]^_ behind it, and commas between, as in ctrl-p,ctrl-q\n", 1},
		"let go":      {[]string{"web"}, nil, "hull: instance \"web\": attach: its console let go of a listener that was too slow, and the instance goes on; attach again\n", 1},
		"wait":        {[]string{"web"}, map[string]error{"wait": errors.New("instance \"web\": wait: disk full")}, "hull: instance \"web\": wait: disk full\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances(), fail: test.fail, guest: saying(""), exits: make(chan instance.Exit)}
			a, stdout, stderr := patientHull(f, nil)
			if name == "let go" {
				a, stdout, stderr = hullApp(f, nil, nil)
			}
			status := a.main(t.Context(), append([]string{"attach"}, test.args...))
			outcome{stdout.String(), stderr.String(), status}.want(t, "", test.stderr, test.status)
		})
	}
}

func TestAttachFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if _, err := w.WriteString("\x10\x11halt\n"); err != nil { // no keys there
		t.Fatal(err)
	}
	f := &fakeEngine{instances: someInstances(), exits: exits(instance.Exit{Reason: instance.PowerOff}), guest: func(console net.Conn) {
		buffer := make([]byte, 7)
		_, _ = io.ReadFull(console, buffer)
		_, _ = console.Write(bytes.ToUpper(buffer))
		console.Close()
	}}
	a, stdout, stderr := patientHull(f, r)
	status := a.main(t.Context(), []string{"attach", "web"})
	outcome{stdout.String(), stderr.String(), status}.want(t, "\x10\x11HALT\n", "", 0)
}

func TestAttachIsLeftByItsKeys(t *testing.T) {
	for keys, typed := range map[string]string{"": "\x10\x11", "ctrl-],d": "\x1dd"} {
		person, tty := testTerminal(t)
		got := make(chan string, 1)
		f := &fakeEngine{instances: someInstances(), exits: make(chan instance.Exit), sizes: make(chan agent.WinSize, 4)}
		f.guest = func(console net.Conn) {
			<-f.sizes // hull watches the terminal by now
			if echo, lines := mode(t, tty); echo || lines {
				t.Error("the terminal is not raw")
			}
			_, _ = io.WriteString(console, "login: ")
			if _, err := person.WriteString("ro" + typed + "ot"); err != nil {
				t.Error(err)
			}
			text, _ := io.ReadAll(console)
			got <- string(text)
		}
		args := []string{"attach", "web"}
		if keys != "" {
			args = append(args, "--detach-keys", keys)
		}
		a, stdout, stderr := patientHull(f, tty)
		status := a.main(t.Context(), args)
		outcome{stdout.String(), stderr.String(), status}.want(t, "login: ", "\nhull: instance \"web\" goes on; hull attach joins it again\n", 0)
		if text := <-got; text != "ro" {
			t.Errorf("the guest read %q", text)
		}
		if echo, lines := mode(t, tty); !echo || !lines {
			t.Error("the terminal is raw still")
		}
	}
}

func TestAttachPassesALoneKeyOnAndFollowsTheSize(t *testing.T) {
	person, tty := testTerminal(t)
	f := &fakeEngine{instances: someInstances(), exits: exits(instance.Exit{Reason: instance.PowerOff}), sizes: make(chan agent.WinSize, 4)}
	f.guest = func(console net.Conn) {
		defer console.Close()
		if s := <-f.sizes; s != (agent.WinSize{Rows: 24, Columns: 80}) {
			t.Errorf("the first size is %+v", s)
		}
		if err := errors.Join(pty.Setsize(person, &pty.Winsize{Rows: 30, Cols: 100}), syscall.Kill(os.Getpid(), syscall.SIGWINCH)); err != nil {
			t.Error(err)
		}
		if s := <-f.sizes; s != (agent.WinSize{Rows: 30, Columns: 100}) {
			t.Errorf("the next size is %+v", s)
		}
		if _, err := person.WriteString("\x10"); err != nil {
			t.Error(err)
		}
		key := make([]byte, 1)
		if _, err := io.ReadFull(console, key); err != nil || key[0] != 0x10 {
			t.Errorf("read %q, %v", key, err)
		}
	}
	a, stdout, stderr := patientHull(f, tty)
	status := a.main(t.Context(), []string{"attach", "web"})
	outcome{stdout.String(), stderr.String(), status}.want(t, "", "", 0)
}

func TestAttachIsLeftByASignalOnATerminal(t *testing.T) {
	_, tty := testTerminal(t)
	guardSignals(t, syscall.SIGHUP)
	f := &fakeEngine{instances: someInstances(), exits: make(chan instance.Exit), sizes: make(chan agent.WinSize, 4)}
	f.guest = func(console net.Conn) {
		gone := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, console)
			close(gone)
		}()
		hangUpUntil(t, syscall.SIGHUP, gone)
	}
	a, stdout, stderr := patientHull(f, tty)
	status := a.main(t.Context(), []string{"attach", "web"})
	outcome{stdout.String(), stderr.String(), status}.want(t, "", "", 128+1)
	if echo, lines := mode(t, tty); !echo || !lines {
		t.Error("the terminal is raw still")
	}
}

// hangUpUntil sends a signal to hull until something has happened: hull may not
// listen at first.
func hangUpUntil(t *testing.T, s syscall.Signal, done <-chan struct{}) {
	for {
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Error(err)
		}
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func TestAttachHandsSignalsOnWithoutATerminal(t *testing.T) {
	guardSignals(t, syscall.SIGUSR2)
	f := &fakeEngine{instances: someInstances(), exits: exits(instance.Exit{Reason: instance.PowerOff})}
	call := "kill web 12"
	f.guest = func(console net.Conn) {
		defer console.Close()
		arrived := make(chan struct{})
		go func() {
			defer close(arrived)
			for !slices.Contains(f.asked(), call) {
				time.Sleep(time.Millisecond)
			}
		}()
		hangUpUntil(t, syscall.SIGUSR2, arrived)
	}
	attached(t, f, "attach", "--no-stdin", "web").want(t, "", "", 0)
}

func TestStartAttached(t *testing.T) {
	id := someID("1")
	f := &fakeEngine{instances: someInstances(), guest: saying("hello\r\n"), exits: exits(instance.Exit{Code: 2, Reason: instance.PowerOff})}
	attached(t, f, "start", "-a", "web").want(t, "hello\r\n", "", 2)
	wantCalls(t, f, "start web", "inspect web", "wait "+id, "attach web input=false")

	// One that has ended before anybody could listen.
	f = &fakeEngine{instances: someInstances(), logs: someLog()[:2], exits: make(chan instance.Exit), fail: map[string]error{"attach": wrongState("done", "attach", "it is not running")}}
	attached(t, f, "start", "-i", "done").want(t, "booting\r\n", "hull: monitor started\n", 3)
	if call := "logs done follow=false since=2026-01-02T12:00:00Z until=- tail=-1"; !slices.Contains(f.asked(), call) {
		t.Errorf("the engine was asked for %q, not for %q", f.asked(), call)
	}

	hull(t, &fakeEngine{}, "start", "-a", "web", "db").want(t, "", "hull: -a and -i join one console; 2 instances are named\n", 1)
	f = &fakeEngine{instances: someInstances(), fail: map[string]error{"start": wrongState("db", "start", "it is paused")}}
	attached(t, f, "start", "-a", "db").want(t, "", "hull: instance \"db\": start: it is paused\n", 1)
	wantCalls(t, f, "start db")
}
