package manager

import (
	"context"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/manager/supervisor"
)

// Attach joins the console of a running instance.
func (m *Manager) Attach(ctx context.Context, ref string, o AttachOptions) (Console, error) {
	id, err := m.resolve(ref)
	if err != nil {
		return nil, err
	}
	_, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	if !pending(st) {
		return nil, failed(ref, "attach", wrongState("it is not running"))
	}
	if st.Status == instance.Paused {
		return nil, failed(ref, "attach", wrongState("it is paused; unpause it first"))
	}
	client := m.client(id)
	stream, err := client.Attach(ctx, o.Input)
	if err != nil {
		return nil, failed(ref, "attach", err)
	}
	return &console{Stream: stream, client: client}, nil
}

type console struct {
	*supervisor.Stream
	client *supervisor.Client
}

func (c *console) Resize(ctx context.Context, size agent.WinSize) error {
	_, err := c.client.Do(ctx, supervisor.Request{Op: supervisor.OpResize, Size: &size})
	return err
}
