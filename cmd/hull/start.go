package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type startOptions struct {
	attach, interactive, sigProxy bool

	detachKeys string
}

func newStartCommand(a *app) *cobra.Command {
	var o startOptions
	cmd := &cobra.Command{
		Use:   "start REF...",
		Short: "Start instances that do not run",
		Long: `Start instances that do not run. Each is named on standard output when its virtual
CPUs are in the guest. It is no failure to start one that runs.

With -a hull joins the console of one instance as hull attach does, and with -i
hands it standard input too.`,
		Example:           "  hull start web db\n  hull start -ai web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeRefs(a, 0, idleInstance),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.attach || o.interactive {
				return refusal(runStartAttached(cmd.Context(), a, &o, args))
			}
			return a.eachRef(cmd.Context(), args, echo(verb(manager.Engine.Start)))
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.attach, "attach", "a", false, "join the console")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "join the console, with standard input")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "with -a, hand the signals that hull gets without a terminal to the guest's main process")
	addDetachKeys(cmd, &o.detachKeys)
	return cmd
}

func runStartAttached(ctx context.Context, a *app, o *startOptions, refs []string) error {
	if len(refs) > 1 {
		return fmt.Errorf("-a and -i join one console; %d instances are named", len(refs))
	}
	attach := &attachOptions{noStdin: !o.interactive, sigProxy: o.sigProxy, detachKeys: o.detachKeys}
	keys, err := attach.keys()
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	began := a.now()
	if err := engine.Start(ctx, refs[0]); err != nil {
		return err
	}
	return joinStarted(ctx, a, engine, attach, keys, refs[0], began)
}

// joinStarted joins the console of an instance that was started just now, and may
// have ended by then.
func joinStarted(ctx context.Context, a *app, engine manager.Engine, o *attachOptions, keys []byte, ref string, began time.Time) error {
	err := runAttach(ctx, a, o, keys, ref)
	if kind := instance.KindOf(err); kind != instance.KindWrongState && kind != instance.KindGone {
		return err
	}
	// It has ended before anybody could listen: its log has all.
	if err := printLog(ctx, a, engine, ref, manager.LogOptions{Since: began, Tail: -1}, false); err != nil {
		return err
	}
	d, err := engine.Inspect(ctx, ref)
	if err != nil || d.State.Exit == nil {
		return err
	}
	return endStatus(a, d.Name, instanceEnd{exit: *d.State.Exit})
}
