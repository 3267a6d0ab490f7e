package httpapi

import (
	"context"
	"io"
	"net/http"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager"
)

// ExecRequest says what to run in a guest.
type ExecRequest struct {
	Command []string `json:"command" doc:"the program, looked up in PATH, and its arguments"`
	Env     []string `json:"env,omitempty" doc:"as NAME=VALUE"`
	Dir     string   `json:"dir,omitempty" doc:"the working directory; / where empty"`
	User    string   `json:"user,omitempty" doc:"USER or USER:GROUP, names or numbers of the guest; root where empty"`
	TTY     bool     `json:"tty,omitempty" doc:"give it a terminal; all its output is stdout then"`
	Rows    uint16   `json:"rows,omitempty" doc:"of the terminal"`
	Columns uint16   `json:"columns,omitempty" doc:"of the terminal"`
	Stdin   bool     `json:"stdin,omitempty" doc:"it gets the client's input; /dev/null otherwise"`

	KillOnDisconnect bool `json:"kill_on_disconnect,omitempty" doc:"end the program when the client is gone; it goes on otherwise"`
}

func (q *ExecRequest) options(st *stream, stdin io.Reader) manager.ExecOptions {
	o := manager.ExecOptions{User: q.User, Command: agent.Command{
		Args: q.Command, Env: q.Env, Dir: q.Dir,
		TTY: q.TTY, Size: agent.WinSize{Rows: q.Rows, Columns: q.Columns},
		KillOnDisconnect: q.KillOnDisconnect,
		Stdout:           output{st, frameStdout},
	}}
	if q.Stdin {
		o.Command.Stdin = stdin
	}
	if !q.TTY {
		o.Command.Stderr = output{st, frameStderr}
	}
	return o
}

func execute(s *Server, w http.ResponseWriter, c *call[none, ExecRequest]) error {
	if err := checkUpgrade(c.Request); err != nil {
		return err
	}
	if len(c.body.Command) == 0 || c.body.Command[0] == "" {
		return invalid("request body: field %q: it names no program", "command")
	}
	ctx, end := context.WithCancelCause(c.ctx())
	defer end(nil)
	st := newStream(ctx)
	stdin, typed := io.Pipe()
	defer stdin.Close() // who waits to write into it is let go
	program, err := s.engine.Exec(ctx, c.ref, c.body.options(st, stdin))
	if err != nil {
		return err
	}
	defer program.Close()
	if err := st.open(w); err != nil {
		return err
	}
	in := &input{signal: program.Signal, failed: s.logged(c.ref)}
	if c.body.Stdin {
		in.stdin = typed
	}
	if c.body.TTY {
		in.resize = program.Resize
	}
	read := s.follow(in, st.reader, end)
	go st.beat(ctx, s.o.Heartbeat, end)

	exit, err := program.Wait(ctx)
	last := exitFrame{Code: new(exit.Status())}
	if exit.Signal != 0 {
		last.Signal = new(int(exit.Signal))
	}
	if err != nil {
		last = failed(ctx, err)
	}
	stdin.Close()
	st.finish(last, read)
	return nil
}

// logged is what happens to a failure that ends nothing.
func (s *Server) logged(ref string) func(string, error) {
	return func(what string, err error) { s.log.Debug(what, "instance", ref, "cause", err) }
}
