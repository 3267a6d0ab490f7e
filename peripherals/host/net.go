package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/internal/vhost"
	netd "github.com/hullvm/hull/netd/spawn"
	"github.com/hullvm/hull/network/tap"
	"github.com/hullvm/hull/peripherals/handover"
)

func (h *Host) openNet(ctx context.Context, machine string, c *configs.Net) error {
	name := fmt.Sprintf("net %q", c.Name)
	open := h.openUserNet
	if c.Type == configs.NetTap {
		open = h.openTap
	}
	if err := open(ctx, name, machine, c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// openUserNet starts a user-mode network.
func (h *Host) openUserNet(ctx context.Context, name, machine string, c *configs.Net) error {
	var publish []netd.Port
	for _, text := range c.Publish {
		p, err := configs.ParsePublish(text)
		if err != nil {
			return err // Validate has seen it
		}
		publish = append(publish, netd.Port{Protocol: p.Protocol, Host: p.Host, Guest: p.Guest})
	}
	mac := c.HardwareAddr(machine)
	server, err := netd.Start(ctx, netd.Config{
		Program: filepath.Join(h.options.Programs, "hull-netd"), MTU: c.MTU,
		GuestMAC: net.HardwareAddr(mac[:]).String(), HostLoopback: c.HostLoopback,
		Publish: publish, Stderr: h.options.Messages,
	})
	if err != nil {
		return err
	}
	h.Files.Add(handover.Frames, c.Name, server.Socket)
	for _, p := range server.Published {
		h.Published = append(h.Published, fmt.Sprintf("%s: %v", name, p))
	}
	return h.serve(name, server.Process)
}

// openTap opens a tap, sets its host's end up, and opens vhost-net for it.
func (h *Host) openTap(_ context.Context, _, _ string, c *configs.Net) error {
	t, err := tap.Open(c.Tap, tap.Options{Queues: c.Queues, VNetHdr: true})
	if err != nil {
		return err
	}
	h.Files.Add(handover.Tap, c.Name, t.Files...)
	if err := tap.Configure(t.Name, tap.Link{MTU: c.MTU, Bridge: c.Bridge, Up: true}); err != nil {
		return err
	}
	kernels, err := openVhost(c)
	if len(kernels) > 0 {
		h.Files.Add(handover.VHost, c.Name, kernels...)
	}
	return err
}

// openVhost opens the kernel's end for each pair of queues, where it is wanted
// and there.
func openVhost(c *configs.Net) ([]*os.File, error) {
	auto := c.Vhost == configs.VhostAuto
	if c.Vhost == configs.VhostOff || auto && (c.ReceivePerSecond > 0 || c.TransmitPerSecond > 0) {
		return nil, nil // the kernel knows no rates
	}
	var kernels []*os.File
	for range max(c.Queues, 1) {
		f, err := vhost.Open()
		if err == nil {
			kernels = append(kernels, f)
			continue
		}
		for _, k := range kernels {
			err = errors.Join(err, k.Close())
		}
		if auto && (errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)) {
			return nil, nil
		}
		return nil, err
	}
	return kernels, nil
}
