package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of what a built-in of the agent's is believed to say, in bytes. The
// agent is in a guest, and may be anything.
const (
	maxAnswer = 16 << 20
	maxRemark = 4 << 10
)

// ErrNoBuiltin says that the agent is older than the built-in that it was asked
// for, or runs where there is none of the kind.
var ErrNoBuiltin = errors.New("the agent has no such built-in")

// BuiltinError says that a built-in was done without success.
type BuiltinError struct {
	Name   string
	Status int    // 1: it failed; 2: wrong arguments; more: a signal ended it
	Text   string // what it said, cut off when it is long
}

func (e *BuiltinError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("built-in %q: status %d", e.Name, e.Status)
	}
	return fmt.Sprintf("built-in %q: %s", e.Name, strings.TrimPrefix(e.Text, e.Name+": "))
}

// Call runs a built-in to its end: its error is then a [*BuiltinError], or
// [ErrNoBuiltin], or one of [Client.Spawn] and [Process.Wait]. The end of ctx ends
// it. Stdin and stdout may be nil.
func (c *Client) Call(ctx context.Context, stdin io.Reader, stdout io.Writer, name string, args ...string) error {
	remark := &capped{most: maxRemark}
	p, err := c.Spawn(ctx, Command{
		Args: append([]string{name}, args...), Builtin: true, KillOnDisconnect: true,
		Stdin: stdin, Stdout: stdout, Stderr: remark,
	})
	var refused *SpawnError
	if errors.As(err, &refused) && refused.Errno == unix.ENOENT {
		return fmt.Errorf("built-in %q: %w", name, ErrNoBuiltin)
	}
	if err != nil {
		return err
	}
	exit, err := p.Wait(ctx)
	if err != nil {
		_ = p.Kill() // it fails where the connection is lost, and it with it
		return err
	}
	if exit.Status() != 0 {
		text := strings.ToValidUTF8(strings.TrimSpace(remark.b.String()), "?")
		return &BuiltinError{Name: name, Status: exit.Status(), Text: text}
	}
	return nil
}

// Stats are the statistics of the agent's machine.
func (c *Client) Stats(ctx context.Context) (*Stats, error) {
	var s Stats
	if err := c.callJSON(ctx, &s, "stats"); err != nil {
		return nil, err
	}
	return &s, nil
}

// Processes are those of the agent's machine, up to 4,096 of them.
func (c *Client) Processes(ctx context.Context) ([]ProcessInfo, error) {
	var list []ProcessInfo
	if err := c.callJSON(ctx, &list, "processes"); err != nil {
		return nil, err
	}
	return list, nil
}

// SignalMain sends a signal to the main process of a guest, the program that its
// PID 1 runs.
func (c *Client) SignalMain(ctx context.Context, sig unix.Signal) error {
	return c.Call(ctx, nil, nil, "signal", strconv.Itoa(int(sig)))
}

// callJSON runs a built-in that answers with JSON.
func (c *Client) callJSON(ctx context.Context, v any, name string) error {
	answer := &capped{most: maxAnswer}
	if err := c.Call(ctx, nil, answer, name); err != nil {
		return err
	}
	err := errors.New("its answer is too long")
	if !answer.full {
		err = json.Unmarshal(answer.b.Bytes(), v)
	}
	if err != nil {
		return fmt.Errorf("built-in %q: %w", name, err)
	}
	return nil
}

// capped keeps the beginning of what is written to it.
type capped struct {
	b    bytes.Buffer
	most int // bytes
	full bool
}

func (c *capped) Write(p []byte) (int, error) {
	keep := min(len(p), c.most-c.b.Len())
	c.full = c.full || keep < len(p)
	c.b.Write(p[:keep])
	return len(p), nil
}
