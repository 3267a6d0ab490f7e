package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/hullvm/hull/bench/qmp"
	"github.com/hullvm/hull/tests/twohosts"
)

// cmdline is that of QEMU's machines; Hull makes its own.
const cmdline = "console=ttyS0 quiet loglevel=1 panic=-1 i8042.noaux i8042.nokbd i8042.nopnp i8042.dumbkbd cryptomgr.notests random.trust_cpu=on"

const incomingPort = "4444"

// arguments are QEMU's. All that is not said is its default.
func (d *pair) arguments(socket string, more ...string) []string {
	netdev := "tap,id=lan,script=no,downscript=no,ifname=" + tapName
	if _, err := os.Stat("/dev/vhost-net"); err == nil { // Hull takes it where it is
		netdev += ",vhost=on"
	}
	return append([]string{
		"-M", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", strconv.Itoa(d.size),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "null",
		"-kernel", d.vmlinux, "-initrd", d.initrd, "-append", cmdline,
		"-netdev", netdev, "-device", "virtio-net-pci,netdev=lan,romfile=,mac=" + guestMAC,
		"-qmp", "unix:" + socket + ",server=on,wait=off",
	}, more...)
}

// qemu starts one of QEMU's on a host, with its tap on the bridge.
func (d *pair) qemuOn(ctx context.Context, side int, more ...string) (*qmp.Client, error) {
	socket := filepath.Join(d.homes[side], "qmp")
	p, err := start(d.hosts[side], exec.Command(d.qemu, d.arguments(socket, more...)...))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.done:
			cancel(p.explain(errors.New("QEMU has ended")))
		case <-ctx.Done():
		}
	}()
	if err := d.network.Attach(ctx, side, tapName); err != nil {
		return nil, err
	}
	for {
		c, err := qmp.Dial(ctx, socket)
		if err == nil {
			return c, c.Do(ctx, "qmp_capabilities", nil)
		}
		if err := errors.Join(sleep(ctx, 10*time.Millisecond), context.Cause(ctx)); err != nil {
			return nil, err
		}
	}
}

// qemuMachine boots one of QEMU's, and returns what moves it.
func qemuMachine(ctx context.Context, d *pair) (mover, error) {
	source, err := d.qemuOn(ctx, 0)
	if err != nil {
		return nil, err
	}
	address := "tcp:" + twohosts.Addresses[1] + ":" + incomingPort
	if _, err := d.qemuOn(ctx, 1, "-incoming", address); err != nil {
		return nil, err
	}
	capability := []map[string]any{{"capability": "auto-converge", "state": true}}
	if err := source.Do(ctx, "migrate-set-capabilities", map[string]any{"capabilities": capability}); err != nil {
		return nil, err
	}
	// The default is 128 MiB a second.
	parameters := map[string]any{"max-bandwidth": int64(1) << 40, "downtime-limit": d.downtime.Milliseconds()}
	if err := source.Do(ctx, "migrate-set-parameters", parameters); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := source.Do(ctx, "migrate", map[string]any{"uri": address}); err != nil {
			return err
		}
		return migrated(ctx, source)
	}, nil
}

// pollPause is how long passes between two questions how far QEMU is.
const pollPause = 2 * time.Millisecond

func migrated(ctx context.Context, source *qmp.Client) error {
	for {
		var s struct {
			Status string
			Why    string `json:"error-desc"`
		}
		if err := source.Ask(ctx, "query-migrate", nil, &s); err != nil {
			return err
		}
		switch s.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("migrate: %s %s", s.Status, s.Why)
		}
		if err := sleep(ctx, pollPause); err != nil {
			return err
		}
	}
}
