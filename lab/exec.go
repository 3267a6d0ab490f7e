package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/hullvm/hull/internal/terminal"
)

// Command is a program to run in a host, as it would run here.
type Command struct {
	Args []string // Args[0] is looked up in the PATH of Env
	Env  []string
	Dir  string // the same path there

	// Stdin, Stdout and Stderr are what the program has; nil is /dev/null. What
	// it does not read of Stdin is left there.
	Stdin, Stdout, Stderr *os.File

	// TTY gives the program a terminal, and puts Stdin, which has to be one,
	// into raw mode meanwhile.
	TTY bool

	// Signals are handed to the program's process group; SIGWINCH tells its
	// terminal its new size. On the third of SIGINT and SIGTERM, Exec gives up
	// on a program that does not end. May be nil.
	Signals <-chan os.Signal

	// Watch, unless it is 0, writes a report of the host to Stderr when the
	// program has written nothing for so long.
	Watch time.Duration
}

// StartError says that a host could not start a program.
type StartError struct {
	Host    string
	Command string
	Errno   unix.Errno // 0: the text alone says it
	Text    string
}

func (e *StartError) Error() string {
	return fmt.Sprintf("lab host %q: command %q: start: %s", e.Host, e.Command, e.Text)
}

// ErrGaveUp says that signals did not end a program.
var ErrGaveUp = errors.New("it did not end when told to, and was left to be killed")

// Exec runs a program in a host and returns its status as a shell has it: its
// exit code, or 128 and the signal that killed it. When Exec's process ends
// before the program, the program is killed, and so is at its end what it left
// running.
func (l *Lab) Exec(ctx context.Context, name string, cmd Command) (int, error) {
	dir, err := l.dir(name)
	if err != nil {
		return 0, err
	}
	if len(cmd.Args) == 0 || cmd.Args[0] == "" {
		return 0, fmt.Errorf("lab host %q: command: no program named", name)
	}
	conn, err := dial(dir, execSocket)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	req := request{
		Version: wireVersion, Op: opExec,
		Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir,
		TTY: cmd.TTY, WatchNS: int64(cmd.Watch),
	}
	if cmd.TTY {
		req.Rows, req.Columns = size(cmd.Stdin)
		raw, err := terminal.MakeRaw(cmd.Stdin)
		if err != nil {
			return 0, err
		}
		defer func() { _ = raw.Restore() }() // the terminal may be gone by now
	}
	files, closeNull, err := stdio(cmd.Stdin, cmd.Stdout, cmd.Stderr)
	if err != nil {
		return 0, fmt.Errorf("lab host %q: command %q: %w", name, cmd.Args[0], err)
	}
	err = sendWithFiles(conn, req, files)
	closeNull()
	if err != nil {
		return 0, fmt.Errorf("lab host %q: command %q: ask: %w", name, cmd.Args[0], err)
	}
	return follow(ctx, conn, name, &cmd)
}

// follow hands signals on until the command ends. Whether one came before the
// command had started, and so ends the wait for it, the keeper knows.
func follow(ctx context.Context, conn *net.UnixConn, name string, cmd *Command) (int, error) {
	type result struct {
		status int
		err    error
	}
	over := make(chan result, 1)
	go func() {
		status, err := awaitExit(conn, name, cmd.Args[0])
		over <- result{status, err}
	}()
	insisted := 0
	for {
		select {
		case r := <-over:
			if r.err != nil && ctx.Err() != nil {
				r.err = fmt.Errorf("lab host %q: command %q: %w", name, cmd.Args[0], context.Cause(ctx))
			}
			return r.status, r.err
		case s := <-cmd.Signals:
			sig, ok := s.(unix.Signal)
			if !ok {
				continue
			}
			if sig == unix.SIGWINCH {
				if cmd.TTY {
					rows, columns := size(cmd.Stdin)
					_ = send(conn, notice{Rows: rows, Columns: columns})
				}
				continue
			}
			if sig == unix.SIGINT || sig == unix.SIGTERM {
				if insisted++; insisted == 3 {
					return 0, fmt.Errorf("lab host %q: command %q: %w", name, cmd.Args[0], ErrGaveUp)
				}
			}
			_ = send(conn, notice{Signal: int(sig)}) // the end of the connection is seen above
		}
	}
}

// awaitExit reads replies to the last one.
func awaitExit(conn *net.UnixConn, name, command string) (int, error) {
	for {
		var r reply
		if err := receive(conn, &r); err != nil {
			return 0, fmt.Errorf("lab host %q: command %q: the host's keeper is gone: %w", name, command, err)
		}
		switch {
		case r.Error != "":
			return 0, fmt.Errorf("lab host %q: command %q: %s", name, command, r.Error)
		case r.Refused != nil:
			return 0, &StartError{Host: name, Command: command, Errno: unix.Errno(r.Refused.Errno), Text: r.Refused.Text}
		case r.Exit != nil && r.Exit.Signal != 0:
			return 128 + r.Exit.Signal, nil
		case r.Exit != nil:
			return r.Exit.Code, nil
		}
	}
}

// stdio puts /dev/null where a file is nil; done closes it.
func stdio(files ...*os.File) (all []*os.File, done func(), err error) {
	var null *os.File
	done = func() {
		if null != nil {
			null.Close()
		}
	}
	for _, f := range files {
		if f == nil && null == nil {
			if null, err = os.OpenFile(os.DevNull, os.O_RDWR, 0); err != nil {
				return nil, done, err
			}
		}
		if f == nil {
			f = null
		}
		all = append(all, f)
	}
	return all, done, nil
}

// size is that of a terminal in characters, or zeros.
func size(f *os.File) (rows, columns uint16) {
	if f == nil {
		return 0, 0
	}
	w, h, err := term.GetSize(int(f.Fd()))
	if err != nil || w < 0 || h < 0 || w > 1<<16-1 || h > 1<<16-1 {
		return 0, 0
	}
	return uint16(h), uint16(w)
}

// Report asks a host for a report of its state: where its processors are, what
// KVM in it has counted, where its monitors' threads wait.
func (l *Lab) Report(ctx context.Context, name string) (string, error) {
	dir, err := l.dir(name)
	if err != nil {
		return "", err
	}
	conn, err := dial(dir, execSocket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(reportTime + 10*time.Second))
	var r reply
	if err = send(conn, request{Version: wireVersion, Op: opReport}); err == nil {
		err = receive(conn, &r)
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return "", fmt.Errorf("lab host %q: report: %w", name, err)
	}
	return r.Text, nil
}
