package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

type migrateOptions struct {
	manager.MigrateOptions

	tls       moveTLS
	bandwidth string
	format    string

	cancel  bool
	resolve string
}

func newMigrateCommand(a *app) *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate REF",
		Short: "Move an instance to another host while it runs",
		Long: `Move an instance to another host while it runs (docs/migration.md). There, hull receive
waits for it. Its memory is sent while the guest runs, then what has changed since, and
so on, until the rest can be sent within --downtime: for that the guest is held, and
goes on there. Here the instance is removed, or with --keep left exited.

Each side shows a certificate and wants one of its authority's from the other; a unix
socket needs none. Until the machine is handed over, a failure, Ctrl-C and hull migrate
--cancel have the guest go on here. Afterwards it is the target's: an instance of which
nothing is heard from there is "handed-over", and stays so until it is. Somebody who
knows where the machine is ends that with --resolve: source has it go on here, target
gives it up here. If it runs at the other side as well then, both write to its disks.

--format json prints a line for each piece of progress and one for the report. A
template is filled in with the report: .ID .Name .To .Rounds .Sent .Pages .ZeroPages
.Wire .Total .Downtime .Parts.LastPass.`,
		Example: `  hull migrate web --to vm2.example.org --tls-ca ca.pem --tls-cert vm1.pem --tls-key vm1.key
  hull migrate web --to unix:/run/hull/in.sock
  hull migrate --cancel web
  hull migrate --resolve target web`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeMoving(a, &o),
		RunE: func(cmd *cobra.Command, args []string) error {
			return refusal(runMigrate(cmd.Context(), a, &o, cmd.Flags(), args[0]))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.To, "to", "", "where it is waited for: `HOST[:PORT]`, or unix:PATH")
	o.tls.register(cmd)
	f.StringVar(&o.tls.name, "tls-name", "", "the `host` whose certificate the target must have (default: that of --to)")
	f.DurationVar(&o.Downtime, "downtime", manager.DefaultDowntime, "how long the guest may be held")
	f.StringVar(&o.bandwidth, "bandwidth", "0", "how much memory may be sent a second, as 100MiB; 0 for no bound")
	f.IntVar(&o.Connections, "connections", 0, fmt.Sprintf("how many connections memory goes over, `N` of at most %d; 0 to have it chosen", manager.MaxMigrationConnections))
	f.StringVar(&o.Compression, "compression", manager.CompressAuto, strings.Join(manager.Compressions, ", "))
	f.IntVar(&o.Throttle, "throttle", 0, "slow the guest by up to so many `percent` where it changes memory faster than that is sent")
	f.DurationVar(&o.Timeout, "timeout", 0, "give up where the memory takes longer; 0 for never")
	f.BoolVar(&o.Keep, "keep", false, "leave the instance here, exited, when it runs there")
	f.BoolVar(&o.Verify, "verify", false, "compare the memory of both sides while the guest is held")
	f.BoolVar(&o.cancel, "cancel", false, "end a move, and have the guest go on here")
	f.StringVar(&o.resolve, "resolve", "", "end the doubt about a machine that was handed over: it is at the `side` source or target")
	f.StringVar(&o.format, "format", "", "json, or a template of Go's (text/template) for the report")
	completeFlag(cmd, "compression", manager.Compressions...)
	completeFlag(cmd, "resolve", string(manager.SideSource), string(manager.SideTarget))
	completeFlag(cmd, "format", "json")
	completeFlagWith(cmd, "to", cobra.NoFileCompletions)
	return cmd
}

// completeMoving completes the instances of which a move can begin, or a doubt can
// be ended.
func completeMoving(a *app, o *migrateOptions) cobra.CompletionFunc {
	return completeRefs(a, 1, func(s *manager.Summary) bool {
		if o.resolve != "" {
			return s.State.Status == instance.HandedOver
		}
		return heldInstance(s)
	})
}

func runMigrate(ctx context.Context, a *app, o *migrateOptions, flags *pflag.FlagSet, ref string) error {
	if err := oneThing(flags, "to", "cancel", "resolve"); err != nil {
		return err
	}
	side := manager.Side(o.resolve)
	if flags.Changed("resolve") && side != manager.SideSource && side != manager.SideTarget {
		return invalidOption(fmt.Sprintf("--resolve %q: the machine is at the source or at the target", o.resolve))
	}
	f, err := o.complete(flags)
	if err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	switch {
	case o.cancel:
		err = engine.CancelMigration(ctx, ref)
	case o.resolve != "":
		err = engine.ResolveMigration(ctx, ref, side)
	default:
		return tame(a.move(ctx, engine, o, f, ref))
	}
	if err == nil {
		_, err = fmt.Fprintln(a.Stdout, ref)
	}
	return tame(err)
}

// oneThing wants one of several options that say what to do, and with all but the
// first no other option.
func oneThing(flags *pflag.FlagSet, what ...string) error {
	var chosen, others []string
	flags.Visit(func(f *pflag.Flag) {
		for _, name := range what {
			if f.Name == name {
				chosen = append(chosen, "--"+name)
				return
			}
		}
		others = append(others, "--"+f.Name)
	})
	switch {
	case len(chosen) == 0:
		return invalidOption("it is not said what to do; give one of --" + strings.Join(what, ", --"))
	case len(chosen) > 1:
		return invalidOption(strings.Join(chosen, " and ") + " are different things to do")
	case chosen[0] != "--"+what[0] && len(others) > 0:
		return invalidOption(fmt.Sprintf("%s goes without %s", chosen[0], strings.Join(others, ", ")))
	}
	return nil
}

// complete reads the options of a move, and how its report is to be shown.
func (o *migrateOptions) complete(flags *pflag.FlagSet) (*format, error) {
	if !flags.Changed("to") {
		return nil, nil
	}
	f, err := moveFormat(o.format)
	if err != nil {
		return nil, err
	}
	if o.To, err = moveAddress(o.To); err != nil {
		return nil, err
	}
	if o.TLS, err = o.tls.files("to", o.To); err != nil {
		return nil, err
	}
	if o.Bandwidth, err = parseSize(o.bandwidth); err != nil {
		return nil, invalidOption("--bandwidth: " + err.Error())
	}
	if o.Downtime == 0 {
		return nil, invalidOption("--downtime 0s: the guest is held for some time at least; leave it out to have " + manager.DefaultDowntime.String())
	}
	return f, o.Check()
}
