package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
	"github.com/hullvm/hull/manager/instance"
)

// How long the agent of a guest that is starting is waited for, and how long
// between two tries.
const (
	agentTime  = 90 * time.Second
	agentPause = 20 * time.Millisecond
	ownTime    = 5 * time.Second // of a guest with an initrd that Hull did not make
)

// agent connects to the agent of a running guest. A guest that was started just now
// is given time to come to it.
func (m *Manager) agent(ctx context.Context, id string) (*agent.Client, error) {
	d, st, err := m.current(id)
	if err != nil {
		return nil, err
	}
	switch {
	case st.Status == instance.Paused:
		return nil, wrongState("it is paused; unpause it first")
	case !st.Status.Live():
		return nil, wrongState("it is not running")
	}
	config, err := d.Config()
	if err != nil {
		return nil, err
	}
	wait := agentTime
	if config.Boot.Initrd != configs.InitrdBuilt {
		wait = ownTime
	}
	missing := fmt.Errorf("the guest's agent has not answered within %v: it has none, or is not that far", wait)
	ctx, cancel := context.WithTimeoutCause(ctx, wait, missing)
	defer cancel()
	for {
		client, err := connect(ctx, config.Vsock.Path)
		if err == nil {
			return client, nil
		}
		select {
		case <-time.After(agentPause):
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, missing) {
				return nil, err
			}
			return nil, &instance.Error{Kind: instance.KindUnsupported, Err: missing}
		}
		switch _, st, err := m.current(id); {
		case err != nil:
			return nil, err
		case !st.Status.Live():
			return nil, wrongState("it has ended")
		}
	}
}

func connect(ctx context.Context, path string) (*agent.Client, error) {
	conn, err := unixsock.Connect(ctx, path, agent.VsockPort)
	if err != nil {
		return nil, err
	}
	return agent.NewClient(ctx, conn)
}
