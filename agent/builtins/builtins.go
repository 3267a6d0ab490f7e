package builtins

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent"
)

// Statuses of built-ins: a shell's for a command that failed, and for one that
// was called wrongly.
const (
	statusOK     = 0
	statusFailed = 1
	statusUsage  = 2
)

// All are the built-ins that every agent has, by name.
func All() map[string]agent.Builtin {
	return map[string]agent.Builtin{
		"clock":     withArgs(1, setClock),
		"get":       withArgs(1, get),
		"hostname":  withArgs(1, setHostname),
		"processes": withArgs(0, listProcesses),
		"put":       withArgs(1, put),
		"stats":     withArgs(0, stats),
		"sync":      withArgs(0, syncDisks),
	}
}

// withArgs makes a built-in of n arguments of a function with an error.
func withArgs(n int, f func(context.Context, agent.BuiltinCall) error) agent.Builtin {
	return func(ctx context.Context, b agent.BuiltinCall) int {
		if len(b.Args)-1 != n {
			fmt.Fprintf(b.Stderr, "%s: %d arguments, wanted %d\n", b.Args[0], len(b.Args)-1, n)
			return statusUsage
		}
		if err := f(ctx, b); err != nil {
			fmt.Fprintf(b.Stderr, "%s: %v\n", b.Args[0], err)
			return statusFailed
		}
		return statusOK
	}
}

// setClock sets the wall clock to nanoseconds since 1970.
func setClock(_ context.Context, b agent.BuiltinCall) error {
	n, err := strconv.ParseInt(b.Args[1], 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no number of nanoseconds", b.Args[1])
	}
	ts := unix.NsecToTimespec(n)
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}

func setHostname(_ context.Context, b agent.BuiltinCall) error {
	return unix.Sethostname([]byte(b.Args[1]))
}

// syncDisks brings what was written to its disks.
func syncDisks(context.Context, agent.BuiltinCall) error {
	unix.Sync()
	return nil
}

// stats writes an agent.Stats as JSON.
func stats(_ context.Context, b agent.BuiltinCall) error {
	s, err := readStats("/proc")
	if err != nil {
		return err
	}
	return json.NewEncoder(b.Stdout).Encode(s)
}
