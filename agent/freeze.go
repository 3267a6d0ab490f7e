package agent

import "context"

// Freeze stops all processes of the agent's machine but the agent, and returns
// when they stand still. Until Thaw no program can be started: Spawn gives a
// [*SpawnError] that is unix.EBUSY; built-ins work. What is frozen may be frozen
// again. [ErrNoBuiltin]: the agent is too old.
func (c *Client) Freeze(ctx context.Context) error { return c.Call(ctx, nil, nil, "freeze") }

// Thaw lets the processes go on that Freeze stopped, if there are any.
func (c *Client) Thaw(ctx context.Context) error { return c.Call(ctx, nil, nil, "thaw") }
