package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/migrate/transport"
)

type receiveOptions struct {
	manager.ReceiveOptions

	tls   moveTLS
	disks diskPathsFlag
	count int
	kvm   string
}

func newReceiveCommand(a *app) *cobra.Command {
	var o receiveOptions
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "Wait for instances that move here from another host",
		Long: `Wait for instances that move here from another host (docs/migration.md), where hull
migrate sends them. The id of each is printed when it runs here; it does so without this
command. An attempt that fails is told of on standard error, nothing of it is left, and
the wait goes on.

What the machine's file names has to be here too: its disks at the same paths, unless
--disk has others, its taps and sockets.`,
		Example: `  hull receive --listen :8476 --tls-ca ca.pem --tls-cert vm2.pem --tls-key vm2.key
  hull receive --listen unix:/run/hull/in.sock --name web-again --disk root=/srv/web.qcow2`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return refusal(tame(runReceive(cmd.Context(), a, &o)))
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "", "where to wait: `[HOST]:PORT`, or unix:PATH")
	o.tls.register(cmd)
	f.StringVar(&o.Name, "name", "", "the instance's name (default: the one that it has)")
	f.Var(&o.disks, "disk", "where a disk is here, as `NAME=PATH`; may be repeated")
	f.DurationVar(&o.Expire, "expire", 0, "give up where no instance comes for so long; 0 for never")
	f.IntVarP(&o.count, "count", "n", 1, "how many to wait for, one after another, `N`; 0 for any number")
	f.BoolVar(&o.Unconfined, "no-jail", false, "run the monitor without its jail, for debugging")
	f.BoolVar(&o.SlowKVM, "slow-kvm", false, "run even on a KVM that emulates kernel code instruction by instruction")
	f.StringVar(&o.kvm, "kvm", defaultKVM, "the KVM device")
	completeFlagWith(cmd, "listen", cobra.NoFileCompletions)
	return cmd
}

// complete reads the options.
func (o *receiveOptions) complete() error {
	var err error
	switch {
	case o.Listen == "":
		return invalidOption(fmt.Sprintf("--listen is missing; :%d is where hull migrate looks", transport.DefaultPort))
	case o.count < 0:
		return invalidOption(fmt.Sprintf("-n %d: it has to be 1 or more, or 0 for any number", o.count))
	case o.count != 1 && o.Name != "":
		return invalidOption("--name is one instance's, and -n is for several")
	case o.count != 1 && o.disks.paths != nil:
		return invalidOption("--disk is one instance's, and -n is for several")
	}
	if err := checkNewName(o.Name); err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	if o.Listen, err = moveAddress(o.Listen); err != nil {
		return err
	}
	if o.TLS, err = o.tls.files("listen", o.Listen); err != nil {
		return err
	}
	if o.KVM, err = kvmDevice(o.kvm); err != nil {
		return err
	}
	o.Disks = o.disks.paths
	return o.Check()
}

func runReceive(ctx context.Context, a *app, o *receiveOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	engine, err := a.engine()
	if err != nil {
		return err
	}
	ctx, stop := a.interruptible(ctx)
	defer stop()
	listening := ""
	o.Listening = func(address string) {
		if address != listening {
			fmt.Fprintf(a.Stderr, "listening on %s\n", printable(address))
		}
		listening = address
	}
	o.Refused = func(err error) { fmt.Fprintf(a.Stderr, "hull: refused: %v\n", tame(err)) }
	for n := 0; o.count == 0 || n < o.count; n++ {
		d, err := engine.Receive(ctx, o.ReceiveOptions)
		if err != nil {
			return interruptedWait(ctx, err)
		}
		if _, err := fmt.Fprintln(a.Stdout, d.ID); err != nil {
			return err
		}
		if listening != "" {
			o.Listen = listening // a port that the system has chosen stays that
		}
	}
	return nil
}

// interruptedWait is without words where a signal has ended a wait, and nothing else.
func interruptedWait(ctx context.Context, err error) error {
	var signal *interruption
	if !errors.As(context.Cause(ctx), &signal) {
		return err
	}
	exit := &exitError{code: exitSignalBase + int(signal.signal)}
	if !errors.Is(err, context.Canceled) {
		exit.err = err
	}
	return exit
}

// diskPathsFlag collects where disks are.
type diskPathsFlag struct {
	paths map[string]string
	given []string
}

func (f *diskPathsFlag) Set(text string) error {
	name, path, _ := strings.Cut(text, "=")
	if name == "" || path == "" {
		return fmt.Errorf("%q is no disk with its path; write it as NAME=PATH", text)
	}
	if _, twice := f.paths[name]; twice {
		return fmt.Errorf("disk %q is given twice", name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if f.paths == nil {
		f.paths = make(map[string]string)
	}
	f.paths[name] = path
	f.given = append(f.given, text)
	return nil
}

func (f *diskPathsFlag) String() string { return strings.Join(f.given, " ") }

func (f *diskPathsFlag) Type() string { return "disk" }
