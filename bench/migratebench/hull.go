package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/hullvm/hull/tests/twohosts"
)

// hullCommand starts a command of Hull's on a host.
func (d *pair) hullCommand(side int, args ...string) (*process, error) {
	cmd := exec.Command(filepath.Join(d.programs, "hull"), args...)
	cmd.Env = append(os.Environ(), "HULL_HOME="+d.homes[side], "HULL_RUN_DIR="+filepath.Join(d.homes[side], "run"),
		"HULL_CACHE_DIR="+filepath.Join(d.dir, "cache"), "HULL_PROGRAMS="+d.programs)
	return start(d.hosts[side], cmd)
}

// hullMachine boots one of Hull's, and returns what moves it.
func hullMachine(ctx context.Context, d *pair) (mover, error) {
	boot, err := d.hullCommand(0, "boot", "-d", "--name", machineName, d.config)
	if err == nil {
		err = boot.wait(ctx)
	}
	if err != nil {
		return nil, err
	}
	receive, err := d.hullCommand(1, "receive", "--listen", twohosts.Addresses[1]+":0", "--plaintext")
	if err != nil {
		return nil, err
	}
	to, err := receive.says(ctx, "listening on ")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		// What slows a guest that writes too fast is asked of QEMU too.
		c, err := d.hullCommand(0, "migrate", machineName, "--to", to, "--plaintext", "--downtime", d.downtime.String(), "--throttle", "99")
		if err != nil {
			return err
		}
		return c.wait(ctx)
	}, nil
}
