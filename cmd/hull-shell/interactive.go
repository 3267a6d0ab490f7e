package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// interactive reads commands from a terminal until the user leaves.
func (c *call) interactive(in *os.File, options []string) int {
	ed := newEditor(in, c.out)
	runner, err := c.runner(options, nil, interp.Interactive(true))
	if err != nil {
		return c.fail(err)
	}
	// Ctrl-C is for the command that runs, not for the shell; being caught and
	// not ignored it has its usual effect in programs.
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, unix.SIGINT, unix.SIGQUIT)
	defer signal.Stop(interrupts)

	status := 0
	for !runner.Exited() {
		stmts, err := c.readCommand(ed, runner)
		switch {
		case errors.Is(err, io.EOF):
			return c.atExit(runner, status)
		case errors.Is(err, errInterrupted):
			status = c.setStatus(runner, 128+int(unix.SIGINT))
			continue
		case err != nil:
			fmt.Fprintf(c.err, "sh: %v\n", err)
			var parse syntax.ParseError
			if !errors.As(err, &parse) {
				return 1 // the terminal is gone
			}
			status = c.setStatus(runner, 2)
			continue
		}
		if len(stmts) == 0 {
			continue // an empty line leaves the status
		}
		status, err = c.interruptible(runner, stmts, interrupts)
		switch {
		case errors.Is(err, context.Canceled):
			status = c.setStatus(runner, 128+int(unix.SIGINT))
		case err != nil:
			fmt.Fprintf(c.err, "sh: %v\n", err)
		}
	}
	return status
}

// setStatus makes status what $? is: of a line that ran nothing, or not to its
// end. It returns it.
func (c *call) setStatus(runner *interp.Runner, status int) int {
	file, err := newParser().Parse(strings.NewReader(fmt.Sprintf("(exit %d)", status)), "")
	if err == nil {
		_, _ = c.run(context.Background(), runner, file.Stmts[0])
	}
	return status
}

// interruptible runs the statements of a command; an interrupt ends the one that
// runs at its next step, and the rest is given up. It does not matter during which
// of them it comes, or between which.
func (c *call) interruptible(runner *interp.Runner, stmts []*syntax.Stmt, interrupts <-chan os.Signal) (int, error) {
	// An interrupt of the command before ends its program directly, and may be
	// heard of here only afterwards.
	select {
	case <-interrupts:
	default:
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case s := <-interrupts:
				if s == unix.SIGINT {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	status, err := 0, error(nil)
	for _, stmt := range stmts {
		if status, err = c.run(ctx, runner, stmt); err != nil || ctx.Err() != nil || runner.Exited() {
			break
		}
	}
	interrupted := ctx.Err() != nil
	cancel()
	<-done
	if interrupted {
		fmt.Fprintln(c.out)
		return 128 + int(unix.SIGINT), context.Canceled
	}
	return status, err
}

// readCommand reads lines until they make whole statements.
func (c *call) readCommand(ed *editor, runner *interp.Runner) ([]*syntax.Stmt, error) {
	var text strings.Builder
	prompt := promptOf(runner)
	for {
		line, err := ed.readLine(prompt)
		if err != nil {
			return nil, err
		}
		text.WriteString(line)
		text.WriteByte('\n')
		file, err := newParser().Parse(strings.NewReader(text.String()), "")
		if err == nil {
			return file.Stmts, nil
		}
		if !syntax.IsIncomplete(err) {
			return nil, err
		}
		prompt = "> "
	}
}

func promptOf(runner *interp.Runner) string {
	if v, ok := runner.Vars["PS1"]; ok { // none before the first command
		return v.String()
	}
	if prompt, ok := os.LookupEnv("PS1"); ok {
		return prompt
	}
	sign := "$"
	if os.Geteuid() == 0 {
		sign = "#"
	}
	dir := runner.Dir
	if home := os.Getenv("HOME"); home != "" && home != "/" && dir == home {
		dir = "~"
	}
	return dir + " " + sign + " "
}

// errInterrupted says that the user has given up the line.
var errInterrupted = errors.New("interrupted")

// editor reads lines from a terminal, with editing and history. The terminal is
// in raw mode only meanwhile, so that programs have it as it was.
type editor struct {
	in       *os.File
	terminal *term.Terminal
	keys     *keyReader
}

func newEditor(in *os.File, out io.Writer) *editor {
	keys := &keyReader{r: in}
	return &editor{in: in, keys: keys, terminal: term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, out}, "")}
}

// Sizes of a terminal that does not know its own, as a serial line does not.
const (
	usualColumns = 80
	usualRows    = 24
)

func (ed *editor) readLine(prompt string) (string, error) {
	fd := int(ed.in.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	defer term.Restore(fd, old)
	columns, rows, err := term.GetSize(fd)
	if err != nil || columns < 10 || rows < 1 {
		columns, rows = usualColumns, usualRows
	}
	if err := ed.terminal.SetSize(columns, rows); err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	ed.terminal.SetPrompt(prompt)
	ed.keys.interrupted = false
	line, err := ed.terminal.ReadLine()
	if ed.keys.interrupted {
		return "", errInterrupted
	}
	return line, err
}

// keyReader makes Ctrl-C, which the line editor knows only as an end, into the
// keys that empty the line and send it.
type keyReader struct {
	r           io.Reader
	rest        []byte // not yet delivered
	interrupted bool
}

const (
	ctrlC     = 0x03
	emptyLine = "\x05\x15\r" // to the end, erase all before, enter
)

func (k *keyReader) Read(p []byte) (int, error) {
	if len(k.rest) == 0 {
		buf := make([]byte, min(len(p), 256))
		n, err := k.r.Read(buf)
		if n == 0 {
			return 0, err
		}
		for _, b := range buf[:n] {
			if b == ctrlC {
				k.interrupted = true
				k.rest = append(k.rest, emptyLine...)
				continue
			}
			k.rest = append(k.rest, b)
		}
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}
