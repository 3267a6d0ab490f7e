package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/configs"
)

// How long the programs of a guest may take to be stopped before a snapshot, and
// their agent to answer: one that does not is none that could tell a clone who it is.
const (
	freezeTime = time.Minute
	thawTime   = time.Minute
)

// freeze stops the guest's programs, so that those of a clone do not go on before it
// is a machine of its own. A guest without an agent of Hull's is left as it is.
func (m *machine) freeze(ctx context.Context) error {
	if m.description.Boot.Initrd != configs.InitrdBuilt {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, freezeTime, fmt.Errorf("no answer within %v", freezeTime))
	defer cancel()
	m.save.frozen = true
	err := m.askAgent(ctx, "freeze", (*agent.Client).Freeze)
	if errors.Is(err, agent.ErrNoBuiltin) {
		m.save.frozen = false
		return nil // an older agent, which cannot renew a clone either
	}
	return err
}

// thaw lets them go on, if they were stopped. Whoever wanted the snapshot may be gone.
func (m *machine) thaw(ctx context.Context) error {
	if !m.save.frozen {
		return nil
	}
	m.save.frozen = false
	ctx, cancel := context.WithTimeoutCause(ctx, thawTime, fmt.Errorf("no answer within %v", thawTime))
	defer cancel()
	return m.askAgent(ctx, "thaw", (*agent.Client).Thaw)
}

func (m *machine) askAgent(ctx context.Context, what string, do func(*agent.Client, context.Context) error) error {
	client, err := connectAgent(ctx, m.description.Vsock.Path)
	if err == nil {
		err = errors.Join(do(client, ctx), client.Close())
	}
	if err != nil {
		return fmt.Errorf("%s the guest's programs: %w", what, err)
	}
	return nil
}
