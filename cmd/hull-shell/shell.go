package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shell is sh: a POSIX shell with most of bash's language.
func shell(c *call) int {
	const usage = "[-c COMMAND [NAME [ARG...]] | FILE [ARG...]]"
	args, options := c.args, []string(nil)
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') && args[0] != "--" {
		switch args[0] {
		case "-c":
			if len(args) < 2 {
				return c.usage(usage)
			}
			name, params := "sh", args[2:]
			if len(params) > 0 {
				name, params = params[0], params[1:]
			}
			return c.script(strings.NewReader(args[1]), name, options, params)
		case "-e", "-u", "-x", "+e", "+u", "+x":
			options = append(options, args[0])
		case "-i", "-l", "-s":
			// interactive is who has a terminal, and there are no profiles
		default:
			return c.usage(usage)
		}
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) > 0 {
		f, err := os.Open(args[0])
		if err != nil {
			c.fail(plain(err))
			return 127
		}
		defer f.Close()
		return c.script(f, args[0], options, args[1:])
	}
	if in, ok := c.in.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err == nil {
			return c.interactive(in, options)
		}
	}
	return c.input(options)
}

// runner makes an interpreter. Options are such as "-e", params are $1 and so
// on.
func (c *call) runner(options, params []string, more ...interp.RunnerOption) (*interp.Runner, error) {
	params = append(append(slices.Clone(options), "--"), params...)
	return interp.New(append(more,
		interp.StdIO(c.in, c.out, c.err), interp.ExecHandlers(execHandler), interp.CallHandler(callHandler),
		interp.Params(params...))...)
}

// script runs the statements of r up to the first mistake, and returns the
// status of the last one. name is $0.
func (c *call) script(r io.Reader, name string, options, params []string) int {
	runner, err := c.runner(options, params)
	if err != nil {
		return c.fail(err)
	}
	file := &syntax.File{Name: name}
	mistake := newParser().Stmts(r, func(stmt *syntax.Stmt) bool {
		file.Stmts = append(file.Stmts, stmt)
		return true
	})
	status, err := c.run(context.Background(), runner, file)
	switch {
	case err != nil:
		return c.fail(err)
	case mistake != nil:
		return c.mistake(mistake)
	}
	return status
}

// input runs statements as they come in, as they do from somebody who writes
// into a pipe and waits for answers.
func (c *call) input(options []string) int {
	runner, err := c.runner(options, nil)
	if err != nil {
		return c.fail(err)
	}
	status := 0
	var failure error
	mistake := newParser().Stmts(c.in, func(stmt *syntax.Stmt) bool {
		status, failure = c.run(context.Background(), runner, stmt)
		return failure == nil && !runner.Exited()
	})
	switch {
	case failure != nil:
		return c.fail(failure)
	case mistake != nil && !runner.Exited():
		return c.mistake(mistake)
	}
	return c.atExit(runner, status)
}

// mistake says what the parser did not understand.
func (c *call) mistake(err error) int {
	fmt.Fprintf(c.err, "sh: %v\n", err)
	return 2
}

// atExit does what is left to do by "trap ... EXIT".
func (c *call) atExit(runner *interp.Runner, status int) int {
	if runner.Exited() {
		return status // done by then
	}
	err := runner.Run(context.Background(), &syntax.File{})
	if code, ok := interp.IsExitStatus(err); ok {
		return int(code)
	}
	return status
}

func newParser() *syntax.Parser { return syntax.NewParser(syntax.Variant(syntax.LangBash)) }

// run runs a statement or a file and returns its status, or why the shell has
// to end.
func (c *call) run(ctx context.Context, runner *interp.Runner, node syntax.Node) (int, error) {
	err := runner.Run(ctx, node)
	if err == nil {
		return 0, nil
	}
	if code, ok := interp.IsExitStatus(err); ok {
		return int(code), nil
	}
	return 1, err
}

// callHandler turns away what the interpreter has a name for and nothing else,
// and runs echo, of which the interpreter's does not say when nothing could be
// written: in /sys and /proc that is how the kernel refuses.
func callHandler(ctx context.Context, args []string) ([]string, error) {
	switch args[0] {
	case "echo":
		hc := interp.HandlerCtx(ctx)
		if echo(&call{name: "echo", args: args[1:], in: hc.Stdin, out: hc.Stdout, err: hc.Stderr}) != 0 {
			return []string{"false"}, nil
		}
		return []string{"true"}, nil
	case "umask", "fg", "bg":
		fmt.Fprintf(interp.HandlerCtx(ctx).Stderr, "sh: %s: this shell has no %s\n", args[0], args[0])
		return []string{"false"}, nil
	}
	return args, nil
}

// execHandler runs a program. Unlike the interpreter's own it does not kill a
// program when the user interrupts: it may have its own mind about it.
func execHandler(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		hc := interp.HandlerCtx(ctx)
		path, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
		if err != nil {
			return notFound(hc, args[0])
		}
		cmd := exec.Cmd{
			Path: path, Args: args, Env: exported(hc.Env), Dir: hc.Dir,
			Stdin: hc.Stdin, Stdout: hc.Stdout, Stderr: hc.Stderr,
		}
		err = runProgram(ctx, &cmd)
		var exit *exec.ExitError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &exit):
			return interp.NewExitStatus(uint8(exitStatus(exit)))
		}
		fmt.Fprintf(hc.Stderr, "sh: %v\n", plain(err))
		return interp.NewExitStatus(uint8(startStatus(err)))
	}
}

// runProgram runs a program. An interrupt that comes while it is being started
// has not reached it by the terminal, so it is passed on; a second one from the
// terminal as well does no harm.
func runProgram(ctx context.Context, cmd *exec.Cmd) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(unix.SIGINT) })
	defer stop()
	return cmd.Wait()
}

// notFound says why a name is no program: 127 where there is none, 126 where there
// is one that cannot be run.
func notFound(hc interp.HandlerContext, name string) error {
	if strings.Contains(name, "/") {
		path := name
		if path[0] != '/' {
			path = hc.Dir + "/" + path
		}
		if info, err := os.Stat(path); err == nil {
			reason := error(unix.EACCES)
			if info.IsDir() {
				reason = unix.EISDIR
			}
			fmt.Fprintf(hc.Stderr, "sh: %s: %v\n", name, reason)
			return interp.NewExitStatus(126)
		}
		fmt.Fprintf(hc.Stderr, "sh: %s: %v\n", name, unix.ENOENT)
		return interp.NewExitStatus(127)
	}
	fmt.Fprintf(hc.Stderr, "sh: %s: not found\n", name)
	return interp.NewExitStatus(127)
}

// exitStatus is the status of a program as a shell has it.
func exitStatus(exit *exec.ExitError) int {
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return exit.ExitCode()
}

// startStatus is the status for a program that did not start.
func startStatus(err error) int {
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

// exported is the environment of a program.
func exported(env expand.Environ) []string {
	var list []string
	for name, v := range env.Each {
		if v.Exported && v.Kind == expand.String {
			list = append(list, name+"="+v.String())
		}
	}
	return list
}
