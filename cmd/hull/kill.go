package main

import (
	"context"
	"fmt"
	"syscall"

	"github.com/moby/sys/signal"
	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newKillCommand(a *app) *cobra.Command {
	name := "KILL"
	cmd := &cobra.Command{
		Use:   "kill REF...",
		Short: "End machines at once, or send a signal to guests' main processes",
		Long: `End machines at once, as by pulling their plugs. With another signal than KILL the
guest's agent sends it to the guest's main process.`,
		Example:           "  hull kill web\n  hull kill -s HUP web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, liveInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := parseSignal(name)
			if err != nil {
				return refusal(err)
			}
			return a.eachRef(cmd.Context(), args, echo(func(ctx context.Context, e manager.Engine, ref string) error {
				return e.Kill(ctx, ref, s)
			}))
		},
	}
	cmd.Flags().StringVarP(&name, "signal", "s", name, "the `signal`, by its name, with SIG or without, or by its number")
	completeFlag(cmd, "signal", "KILL", "TERM", "INT", "HUP", "QUIT", "USR1", "USR2")
	return cmd
}

// maxSignal is the highest number of a signal.
const maxSignal = 64

func parseSignal(text string) (syscall.Signal, error) {
	s, err := signal.ParseSignal(text)
	if err != nil || s < 1 || s > maxSignal {
		return 0, fmt.Errorf("--signal %q: there is no such signal; take a name as HUP or SIGHUP, or a number from 1 to %d", text, maxSignal)
	}
	return s, nil
}
