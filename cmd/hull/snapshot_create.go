package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

func newSnapshotCreateCommand(a *app) *cobra.Command {
	var o manager.SnapshotOptions
	cmd := &cobra.Command{
		Use:   "create INSTANCE [NAME]",
		Short: "Make a snapshot of an instance that is running or paused",
		Long: `Make a snapshot of an instance that is running or paused, and print its name: the
one given, or the instance's with the time. The name is there when the snapshot is
on the disk; where it cannot be made, nothing of it is left.

The guest is held while its memory is written. With --live it runs meanwhile, and is
held for what it has changed only.

With --parent the snapshot has only those pages of memory that may differ from another
snapshot, and lies over that one. The instance must have gone on from that snapshot, or
it is the last one that was made of the instance with --track.`,
		Example: "  hull snapshot create web before-update\n  hull snapshot create --live web\n" +
			"  hull snapshot create --track web monday\n  hull snapshot create --parent monday --track web tuesday",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeRefs(a, 1, heldInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				o.Name = args[1]
			}
			return refusal(runSnapshotCreate(cmd.Context(), a, o, args[0], len(args) > 1))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Live, "live", false, "let the guest run while its memory is written")
	f.StringVar(&o.Parent, "parent", "", "lie over this `snapshot`, with only what may differ of its memory")
	f.BoolVar(&o.Track, "track", false, "note which pages change from here on, for a snapshot over this one")
	f.BoolVar(&o.Stop, "stop", false, "end the instance once the snapshot is on the disk")
	completeFlagWith(cmd, "parent", completeSnapshots(a, 0))
	return cmd
}

// heldInstance chooses instances whose guest is in memory.
func heldInstance(s *manager.Summary) bool { return runningInstance(s) || pausedInstance(s) }

func runSnapshotCreate(ctx context.Context, a *app, o manager.SnapshotOptions, ref string, named bool) error {
	if named && o.Name == "" {
		return &instance.Error{Kind: instance.KindInvalid, Err: fmt.Errorf("the snapshot's name is empty; leave it out to have one made up")}
	}
	if err := checkNewName(o.Name); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if o.Track && o.Stop {
		return &instance.Error{Kind: instance.KindInvalid, Err: errors.New("--track is for an instance that goes on, and --stop ends it")}
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	// An interrupt ends it in order: nothing is left of the snapshot then.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	bar := a.progress("snapshot of " + ref)
	o.Progress = bar.update()
	s, err := engine.CreateSnapshot(ctx, ref, o)
	bar.clear()
	if err != nil && named {
		return withHint(err, instance.KindNameTaken, "give another, or remove it with hull snapshot rm "+o.Name)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Stdout, s.Name)
	return err
}
