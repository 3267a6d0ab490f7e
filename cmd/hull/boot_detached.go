package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/manager"
	"github.com/hullvm/hull/manager/instance"
)

// Options of boot that mean something to an instance alone, or to a machine on
// this terminal alone.
var (
	detachedFlags   = []string{"name", "label", "rm", "no-jail", "restart", "cpus", "memory-limit"}
	foregroundFlags = []string{"dry-run", "write-initrd", "timeline", "verbose"}
)

// checkBootFlags refuses options that would do nothing.
func checkBootFlags(flags *pflag.FlagSet, detach bool) error {
	background := ""
	switch {
	case flags.Changed("template"):
		background = "--template"
	case detach:
		background = "-d"
	}
	if background != "" {
		for _, name := range foregroundFlags {
			if flags.Changed(name) {
				return fmt.Errorf("--%s: a machine in the background has no use for it; leave it out, or boot without %s", name, background)
			}
		}
		return nil
	}
	for _, name := range detachedFlags {
		if flags.Changed(name) {
			return fmt.Errorf("--%s: it is for machines in the background; add -d, or leave it out", name)
		}
	}
	if flags.Changed("write-initrd") && !flags.Changed("dry-run") {
		return errors.New("--write-initrd: it is for --dry-run; add that, or leave it out")
	}
	return nil
}

// warnOfIdleKeys says which keys of a machine file do nothing on this terminal.
func warnOfIdleKeys(a *app, machine *configs.Machine) {
	var idle []string
	if machine.Limits != (configs.Limits{}) {
		idle = append(idle, "[limits]")
	}
	defaults := configs.Default()
	if machine.Log != defaults.Log {
		idle = append(idle, "[log]")
	}
	if machine.Lifecycle.Restart != defaults.Lifecycle.Restart {
		idle = append(idle, "lifecycle.restart")
	}
	if len(idle) > 0 {
		fmt.Fprintf(a.Stderr, "hull: machine %q: without -d, nothing comes of %s\n", machine.Name, strings.Join(idle, ", "))
	}
}

// runBootDetached makes an instance and starts it. One that did not start is
// removed again.
func runBootDetached(ctx context.Context, a *app, o *createOptions, path string) error {
	engine, err := a.engine()
	if err != nil {
		return err
	}
	// An interrupt ends the start in order: nothing is left of the instance then.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	d, err := create(ctx, engine, o, path)
	if err != nil {
		return err
	}
	if err := engine.Start(ctx, d.Name); err != nil {
		return removeFailed(ctx, engine, d, err)
	}
	_, err = fmt.Fprintln(a.Stdout, d.ID)
	return err
}

// removeFailed removes an instance that something went wrong with, and returns that.
func removeFailed(ctx context.Context, engine manager.Engine, d *instance.Description, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	if e := engine.Remove(ctx, d.ID, manager.RemoveOptions{Force: true}); e != nil {
		return errors.Join(err, fmt.Errorf("it is still there, as %q: %w", d.Name, e))
	}
	return err
}
