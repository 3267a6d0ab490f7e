package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/events"
)

// Exec runs a program in a running guest.
func (m *Manager) Exec(ctx context.Context, ref string, o ExecOptions) (Execution, error) {
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	client, err := m.agent(ctx, id)
	if err != nil {
		return nil, failed(ref, "exec", err)
	}
	if o.User != "" {
		if o.Command.User, err = findUser(ctx, client, o.User); err != nil {
			return nil, errors.Join(failed(ref, "exec", err), client.Close())
		}
	}
	if !slices.ContainsFunc(o.Command.Env, func(e string) bool { return strings.HasPrefix(e, "PATH=") }) {
		o.Command.Env = append([]string{guestPath}, o.Command.Env...)
	}
	p, err := client.Spawn(ctx, o.Command)
	if err != nil {
		return nil, errors.Join(failed(ref, "exec", err), client.Close())
	}
	if d, err := m.store.Description(id); err == nil {
		m.emit(d, events.ExecStart, map[string]string{"command": strings.Join(o.Command.Args, " ")})
	}
	return &execution{Process: p, client: client}, nil
}

// guestPath is where a guest's programs are looked for unless the command says.
const guestPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

type execution struct {
	*agent.Process
	client *agent.Client
}

func (e *execution) Signal(s syscall.Signal) error { return e.Process.Signal(s) }

func (e *execution) Close() error { return e.client.Close() }

// withAgent connects to a guest's agent for one thing.
func (m *Manager) withAgent(ctx context.Context, ref, verb string, do func(*agent.Client) error) error {
	id, err := m.resolve(ref)
	if err != nil {
		return err
	}
	return failed(ref, verb, m.withAgentOf(ctx, id, do))
}

func (m *Manager) withAgentOf(ctx context.Context, id string, do func(*agent.Client) error) error {
	client, err := m.agent(ctx, id)
	if err != nil {
		return err
	}
	return errors.Join(do(client), client.Close())
}

// signal sends a signal to the guest's main process.
func (m *Manager) signal(ctx context.Context, id string, s syscall.Signal) error {
	return m.withAgentOf(ctx, id, func(c *agent.Client) error {
		if err := c.SignalMain(ctx, s); err != nil {
			return err
		}
		if d, err := m.store.Description(id); err == nil {
			m.emit(d, events.Kill, map[string]string{"signal": fmt.Sprint(int(s))})
		}
		return nil
	})
}

// CopyFrom writes a tar archive of a guest's file or folder.
func (m *Manager) CopyFrom(ctx context.Context, ref, path string, archive io.Writer) error {
	return m.withAgent(ctx, ref, "copy from "+path, func(c *agent.Client) error {
		return c.Call(ctx, nil, archive, "get", path)
	})
}

// CopyTo unpacks a tar archive into a guest's folder.
func (m *Manager) CopyTo(ctx context.Context, ref, path string, archive io.Reader) error {
	return m.withAgent(ctx, ref, "copy to "+path, func(c *agent.Client) error {
		return c.Call(ctx, archive, nil, "put", path)
	})
}
