package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hullvm/hull/guest"
	"github.com/hullvm/hull/tests/twohosts"
)

// place is what all machines have in common.
type place struct {
	options
	dir             string
	config          string // Hull's machine file
	vmlinux, initrd string // of the same machine, for QEMU
}

const (
	machineName = "bench"
	guestMAC    = "52:54:00:71:00:50"
	tapName     = "tap0"
)

// newPlace writes the machine's file, and has Hull make kernel and initrd of it.
func newPlace(ctx context.Context, o options, dir string) (*place, error) {
	p := &place{options: o, dir: dir, config: filepath.Join(dir, machineName+".toml"), initrd: filepath.Join(dir, "initrd")}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`name = %q
[memory]
size = "%dMiB"
[boot]
kernel = %q
[[net]]
name = "lan"
type = "tap"
tap = %q
bridge = %q
mac = %q
address = "%s/24"
[[init.files]]
path = "/bin/%s"
source = %q
mode = "0755"
[init]
exec = ["/bin/%s", "%d"]
`, machineName, o.size, o.bundle, tapName, twohosts.Bridge, guestMAC, twohosts.GuestAddress, guestName, self, guestName, o.work)
	if err := os.WriteFile(p.config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(o.programs, "hull"), "boot", p.config, "--dry-run", "--write-initrd", p.initrd)
	cmd.Env = append(os.Environ(), "HULL_PROGRAMS="+o.programs, "HULL_CACHE_DIR="+filepath.Join(dir, "cache"))
	var plan, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &plan, &complaints
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("hull boot --dry-run: %w: %s", err, complaints.Bytes())
	}
	for line := range strings.Lines(plan.String()) {
		if path, found := strings.CutPrefix(line, "# kernel:"); found {
			p.vmlinux = strings.TrimSpace(path)
		}
	}
	if p.vmlinux == "" {
		return nil, errors.New("hull boot --dry-run names no kernel")
	}
	return p, nil
}

// pair is two hosts for one measurement.
type pair struct {
	*place
	network *twohosts.Network
	hosts   [2]*twohosts.Host
	homes   [2]string
}

func (p *place) newPair() (_ *pair, err error) {
	d := &pair{place: p}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.end())
		}
	}()
	if d.network, err = twohosts.New(); err != nil {
		return nil, err
	}
	for i, n := range d.network.Sides {
		if d.hosts[i], err = twohosts.NewHost(n, fmt.Sprint("bench", i)); err != nil {
			return nil, err
		}
		if d.homes[i], err = os.MkdirTemp(p.dir, "home"); err != nil {
			return nil, err
		}
		if err := os.Chmod(d.homes[i], 0o755); err != nil { // monitors have users of their own
			return nil, err
		}
		// With a home of their own commands look for kernels there.
		if err := os.Symlink(guest.DirsFromEnv(os.Getenv).Kernels, filepath.Join(d.homes[i], "kernels")); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// end kills all machines of the two hosts.
func (d *pair) end() error {
	var err error
	for i, h := range d.hosts {
		if h != nil {
			err = errors.Join(err, h.End())
		}
		if d.homes[i] != "" {
			err = errors.Join(err, os.RemoveAll(d.homes[i]))
		}
	}
	if d.network != nil {
		err = errors.Join(err, d.network.Close())
	}
	return err
}

// order has the guest write, and waits for its word: so it does for a guest that boots.
func (d *pair) order(ctx context.Context, rate int) error {
	c, err := d.network.Outside.Dial("udp4", net.JoinHostPort(twohosts.GuestAddress, fmt.Sprint(guestPort)))
	if err != nil {
		return err
	}
	defer c.Close()
	want := fmt.Appendf(nil, "%s%d", orderWord, rate)
	got := make([]byte, 64)
	for ctx.Err() == nil {
		_, _ = c.Write(want)                                          // it may be refused while nobody is there
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)) // a socket has deadlines
		if n, err := c.Read(got); err == nil && bytes.Equal(got[:n], want) {
			return nil
		} else if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			if err := sleep(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the guest does not answer: %w", context.Cause(ctx))
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
