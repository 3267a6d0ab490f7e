package freezer

import (
	"context"
	"fmt"
	"time"

	"github.com/hullvm/hull/agent"
)

// freezeTime is how long processes have to come to a stand.
const freezeTime = 10 * time.Second

// Builtins are freeze and thaw (docs/agent-protocol.md, section 6).
func (f *Freezer) Builtins() map[string]agent.Builtin {
	return map[string]agent.Builtin{
		"freeze": plain(func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, freezeTime)
			defer cancel()
			return f.Freeze(ctx)
		}),
		"thaw": plain(func(ctx context.Context) error { return f.Thaw(ctx) }),
	}
}

// plain makes a built-in without arguments and streams.
func plain(do func(context.Context) error) agent.Builtin {
	return func(ctx context.Context, b agent.BuiltinCall) int {
		if len(b.Args) != 1 {
			fmt.Fprintf(b.Stderr, "%s: %d arguments, wanted 0\n", b.Args[0], len(b.Args)-1)
			return 2
		}
		if err := do(ctx); err != nil {
			fmt.Fprintf(b.Stderr, "%v\n", err)
			return 1
		}
		return 0
	}
}
