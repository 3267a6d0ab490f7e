package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
)

// shout is a program that says what it reads, and ends with a status.
func shout(status int) func(agent.Command, *fakeExec) agent.Exit {
	return func(c agent.Command, _ *fakeExec) agent.Exit {
		if c.Stdin != nil {
			text, _ := io.ReadAll(c.Stdin)
			fmt.Fprintf(c.Stdout, "read %q\n", text)
		}
		fmt.Fprintln(c.Stdout, "out")
		if c.Stderr != nil {
			fmt.Fprintln(c.Stderr, "err")
		}
		return agent.Exit{Code: status}
	}
}

func TestExec(t *testing.T) {
	vars := filepath.Join(t.TempDir(), "vars")
	if err := os.WriteFile(vars, []byte("A=file\nB=file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args           []string
		program        func(agent.Command, *fakeExec) agent.Exit
		call           string
		stdout, stderr string
		status         int
	}{
		"plain":          {[]string{"web", "ls", "-l"}, shout(0), `exec web ["ls" "-l"] env=[] dir="" user="" tty=false size=0,0`, "out\n", "err\n", 0},
		"its status":     {[]string{"web", "false"}, shout(7), `exec web ["false"] env=[] dir="" user="" tty=false size=0,0`, "out\n", "err\n", 7},
		"a signal":       {[]string{"web", "x"}, func(agent.Command, *fakeExec) agent.Exit { return agent.Exit{Signal: unix.SIGKILL} }, `exec web ["x"] env=[] dir="" user="" tty=false size=0,0`, "", "", 137},
		"options behind": {[]string{"web", "sh", "-i", "-t", "--detach"}, shout(0), `exec web ["sh" "-i" "-t" "--detach"] env=[] dir="" user="" tty=false size=0,0`, "out\n", "err\n", 0},
		"all options": {
			[]string{"-w", "/srv", "-u", "app:www", "--env-file", vars, "-e", "B=2", "-e", "HOME", "-e", "NONE", "web", "env"},
			shout(0),
			`exec web ["env"] env=["A=file" "B=file" "B=2" "HOME=/home/me"] dir="/srv" user="app:www" tty=false size=0,0`, "out\n", "err\n", 0,
		},
		"terminal without input": {[]string{"-t", "web", "top"}, shout(0), `exec web ["top"] env=["TERM=vt100"] dir="" user="" tty=true size=0,0`, "out\n", "", 0},
		"terminal's own kind":    {[]string{"-t", "-e", "TERM=dumb", "web", "top"}, shout(0), `exec web ["top"] env=["TERM=dumb"] dir="" user="" tty=true size=0,0`, "out\n", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances(), program: test.program}
			a, stdout, stderr := hullApp(f, nil, map[string]string{"HOME": "/home/me", "TERM": "vt100"})
			status := a.main(t.Context(), append([]string{"exec"}, test.args...))
			outcome{stdout.String(), stderr.String(), status}.want(t, test.stdout, test.stderr, test.status)
			wantCalls(t, f, test.call, "exec-wait", "exec-close")
		})
	}
}

func TestExecDetached(t *testing.T) {
	f := &fakeEngine{instances: someInstances()}
	hull(t, f, "exec", "-d", "web", "sleep", "9").want(t, "", "", 0)
	wantCalls(t, f, `exec web ["sleep" "9"] env=[] dir="" user="" tty=false size=0,0`, "exec-close")
}

func TestExecFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("a\x10\x11b"); err != nil { // no keys there
		t.Fatal(err)
	}
	w.Close()
	f := &fakeEngine{instances: someInstances(), program: shout(0)}
	a, stdout, stderr := hullApp(f, r, nil)
	status := a.main(t.Context(), []string{"exec", "-i", "web", "cat"})
	outcome{stdout.String(), stderr.String(), status}.want(t, "read \"a\\x10\\x11b\"\nout\n", "err\n", 0)
}

func TestExecRefuses(t *testing.T) {
	spawn := func(errno unix.Errno) error {
		return fmt.Errorf("instance %q: exec: %w", "web", &agent.SpawnError{Command: "x", Errno: errno, Text: errno.Error()})
	}
	for name, test := range map[string]struct {
		args   []string
		fail   map[string]error
		stderr string
		status int
	}{
		"not there":      {[]string{"web", "x"}, map[string]error{"exec": spawn(unix.ENOENT)}, "hull: instance \"web\": exec: command \"x\": start: no such file or directory\n", 127},
		"not to be run":  {[]string{"web", "x"}, map[string]error{"exec": spawn(unix.EACCES)}, "hull: instance \"web\": exec: command \"x\": start: permission denied\n", 126},
		"no program":     {[]string{"web", "x"}, map[string]error{"exec": spawn(unix.ENOEXEC)}, "hull: instance \"web\": exec: command \"x\": start: exec format error\n", 126},
		"no such user":   {[]string{"-u", "x", "web", "x"}, map[string]error{"exec": &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("user \"x\": the guest has none: %w", os.ErrNotExist)}}, "hull: user \"x\": the guest has none: file does not exist\n", 125},
		"no instance":    {[]string{"nobody", "x"}, nil, "hull: instance \"nobody\": no such instance; hull ps -a lists all there are\n", 125},
		"paused":         {[]string{"db", "x"}, map[string]error{"exec": wrongState("db", "exec", "it is paused; unpause it first")}, "hull: instance \"db\": exec: it is paused; unpause it first\n", 125},
		"lost":           {[]string{"web", "x"}, map[string]error{"exec-wait": agent.ErrDisconnected}, "hull: instance \"web\": exec: connection to the agent lost: the instance has ended, or its agent has\n", 125},
		"no terminal":    {[]string{"-it", "web", "sh"}, nil, "hull: -t: standard input is not a terminal; leave -t out, or -i\n", 125},
		"keys":           {[]string{"--detach-keys", "ctrl-5", "web", "sh"}, nil, "hull: --detach-keys: \"ctrl-5\" in \"ctrl-5\" is no key; write a character, or ctrl- with a letter or one of @[\\]^_ behind it, and commas between, as in ctrl-p,ctrl-q\n", 125},
		"variable":       {[]string{"-e", "=x", "web", "sh"}, nil, "hull: --env: \"=x\" is no environment variable; write it as NAME=value\n", 125},
		"no env file":    {[]string{"--env-file", "/nowhere", "web", "sh"}, nil, "hull: --env-file: open /nowhere: no such file or directory\n", 125},
		"detached input": {[]string{"-di", "web", "sh"}, nil, "hull: if any flags in the group [detach interactive] are set none of the others can be; [detach interactive] were all set\n", 125},
		"no command":     {[]string{"web"}, nil, "hull: exec: 1 argument; usage: hull exec [flags] REF COMMAND [ARG...]\n", 125},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeEngine{instances: someInstances(), fail: test.fail}
			hull(t, f, append([]string{"exec"}, test.args...)...).want(t, "", test.stderr, test.status)
		})
	}
}

// testTerminal is a person's terminal: what is written to the first is typed at the
// second.
func testTerminal(t *testing.T) (person, tty *os.File) {
	t.Helper()
	person, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		person.Close()
		tty.Close()
	})
	if err := pty.Setsize(person, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	return person, tty
}

// mode is whether a terminal echoes, and gathers lines.
func mode(t *testing.T, tty *os.File) (echo, lines bool) {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return m.Lflag&unix.ECHO != 0, m.Lflag&unix.ICANON != 0
}

func TestExecOnATerminal(t *testing.T) {
	person, tty := testTerminal(t)
	f := &fakeEngine{instances: someInstances(), sizes: make(chan agent.WinSize, 4)}
	f.program = func(c agent.Command, _ *fakeExec) agent.Exit {
		<-f.sizes // hull watches the terminal by now
		if echo, lines := mode(t, tty); echo || lines {
			t.Error("the terminal is not raw")
		}
		if err := pty.Setsize(person, &pty.Winsize{Rows: 50, Cols: 132}); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil { // as the kernel would for a controlling terminal
			t.Error(err)
		}
		if s := <-f.sizes; s != (agent.WinSize{Rows: 50, Columns: 132}) {
			t.Errorf("resized to %+v", s)
		}
		if _, err := person.WriteString("\x03ls\r"); err != nil {
			t.Error(err)
		}
		buffer := make([]byte, 4)
		if _, err := io.ReadFull(c.Stdin, buffer); err != nil || string(buffer) != "\x03ls\r" {
			t.Errorf("typed %q, %v", buffer, err)
		}
		return agent.Exit{Code: 4}
	}
	a, stdout, stderr := hullApp(f, tty, nil)
	status := a.main(t.Context(), []string{"exec", "-it", "web", "sh"})
	outcome{stdout.String(), stderr.String(), status}.want(t, "", "", 4)
	wantCalls(t, f, `exec web ["sh"] env=["TERM=xterm"] dir="" user="" tty=true size=80,24`, "exec-wait", "exec-close")
	if echo, lines := mode(t, tty); !echo || !lines {
		t.Error("the terminal is raw still")
	}
}

func TestExecIsLeftByItsKeys(t *testing.T) {
	person, tty := testTerminal(t)
	f := &fakeEngine{instances: someInstances(), sizes: make(chan agent.WinSize, 4)}
	f.program = func(c agent.Command, p *fakeExec) agent.Exit {
		// Who has seen output can type keys that the terminal would keep to itself.
		if _, err := io.WriteString(c.Stdout, "$ "); err != nil {
			t.Error(err)
		}
		if echo, lines := mode(t, tty); echo || lines {
			t.Error("the terminal shows output, and is not raw")
		}
		if _, err := person.WriteString("a\x10\x11"); err != nil {
			t.Error(err)
		}
		if text, err := io.ReadAll(c.Stdin); err != nil || string(text) != "a" {
			t.Errorf("typed %q, %v", text, err)
		}
		<-p.closed // it goes on
		return agent.Exit{}
	}
	a, stdout, stderr := hullApp(f, tty, nil)
	status := a.main(t.Context(), []string{"exec", "-it", "web", "sh"})
	outcome{stdout.String(), stderr.String(), status}.want(t, "$ ", "", 0)
}

func TestExecHandsSignalsOn(t *testing.T) {
	f := &fakeEngine{instances: someInstances()}
	f.program = func(_ agent.Command, p *fakeExec) agent.Exit {
		// hull may not listen yet: until it does, the signal is this test's.
		for {
			if err := syscall.Kill(os.Getpid(), syscall.SIGUSR2); err != nil {
				t.Error(err)
			}
			select {
			case s := <-p.signals:
				return agent.Exit{Code: int(s)}
			default:
			}
		}
	}
	guardSignals(t, syscall.SIGUSR2)
	hull(t, f, "exec", "web", "x").want(t, "", "", int(syscall.SIGUSR2))
}
