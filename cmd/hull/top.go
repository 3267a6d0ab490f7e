package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
)

func newTopCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "top REF",
		Short: "List the processes of a running guest",
		Long: `List the processes of a running guest, as its agent sees them. C is how much of one
processor a process has kept busy since its start, in per cent.`,
		Example:           "  hull top web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRefs(a, 1, runningInstance),
		RunE:              func(cmd *cobra.Command, args []string) error { return refusal(runTop(cmd.Context(), a, args[0])) },
	}
}

func runTop(ctx context.Context, a *app, ref string) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	list, err := engine.Top(ctx, ref)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "UID\tPID\tPPID\tC\tSTIME\tTTY\tTIME\tCMD")
	for i := range list {
		p := &list[i]
		tty := printable(p.TTY)
		if tty == "" {
			tty = "?"
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n",
			p.UID, p.PID, p.PPID, busy(p), startTime(p, a.now()), tty, clockTime(p.CPUTime), printable(p.Command))
	}
	return t.Flush()
}

// busy is the share of a processor that a process has had, in per cent.
func busy(p *manager.Process) int {
	if p.Age <= 0 {
		return 0
	}
	return int(100 * p.CPUTime.Seconds() / p.Age.Seconds())
}

// startTime is when a process began: the time of today, or the day before.
func startTime(p *manager.Process, now time.Time) string {
	began := now.Add(-p.Age).Local()
	if began.Format(time.DateOnly) == now.Local().Format(time.DateOnly) {
		return began.Format("15:04")
	}
	return began.Format("Jan02")
}

// clockTime is a length of time as HH:MM:SS.
func clockTime(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}
