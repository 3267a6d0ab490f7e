package peripherals

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/net"
	"github.com/hullvm/hull/internal/ratelimit"
	"github.com/hullvm/hull/internal/vhost"
	netd "github.com/hullvm/hull/netd/spawn"
	"github.com/hullvm/hull/network/tap"
)

func (s *Set) addNet(ctx context.Context, machine string, c *configs.Net) error {
	name := fmt.Sprintf("net %q", c.Name)
	mac := net.MAC(c.HardwareAddr(machine))
	backend, err := s.openNet(ctx, name, mac, c)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	mode, kernels, err := openVhost(c)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", name, err), backend.Close())
	}
	d, err := net.New(net.Config{
		Name:       c.Name,
		MAC:        mac,
		MTU:        uint16(c.MTU),
		QueuePairs: c.Queues,
		Backend:    backend,
		LimitRX:    limiter(c.ReceivePerSecond),
		LimitTX:    limiter(c.TransmitPerSecond),
		// A user-mode network has one guest, and keeps what it has learnt of each
		// address: it is to hear of that guest's alone.
		AntiSpoof: c.Type == configs.NetUser,
		VHost:     mode,
		VHostNet:  kernels,
		Log:       s.options.Log,
	})
	if err != nil {
		return err // it has closed what it was given
	}
	s.onClose(name, d.Close)
	s.Nets[c.Name] = d
	s.add(name, d)
	return nil
}

// openNet opens what a network device's cable leads to.
func (s *Set) openNet(ctx context.Context, name string, mac net.MAC, c *configs.Net) (net.Backend, error) {
	if c.Type == configs.NetTap {
		return openTap(c)
	}
	var publish []netd.Port
	for _, text := range c.Publish {
		p, err := configs.ParsePublish(text)
		if err != nil {
			return nil, err // Validate has seen it
		}
		publish = append(publish, netd.Port{Protocol: p.Protocol, Host: p.Host, Guest: p.Guest})
	}
	server, err := netd.Start(ctx, netd.Config{
		Program: filepath.Join(s.options.Programs, "hull-netd"), MTU: c.MTU, GuestMAC: mac.String(), HostLoopback: c.HostLoopback,
		Publish: publish, Stderr: s.options.Messages,
	})
	if err != nil {
		return nil, err
	}
	s.onClose(name, func() error { return awaitEnd(server.Process) })
	for _, p := range server.Published {
		s.Published = append(s.Published, fmt.Sprintf("%s: %v", name, p))
	}
	return net.NewSocket(server.Socket)
}

func openTap(c *configs.Net) (net.Backend, error) {
	t, err := tap.Open(c.Tap, tap.Options{Queues: c.Queues, VNetHdr: true})
	if err != nil {
		return nil, err
	}
	if err := tap.Configure(t.Name, tap.Link{MTU: c.MTU, Bridge: c.Bridge, Up: true}); err != nil {
		for _, f := range t.Files {
			err = errors.Join(err, f.Close())
		}
		return nil, err
	}
	return net.NewTap(t.Files)
}

// openVhost opens the kernel's end for each pair of queues, where it is wanted
// and there.
func openVhost(c *configs.Net) (net.VHostMode, []net.VHostNet, error) {
	mode, err := net.ParseVHostMode(string(c.Vhost))
	if err != nil || c.Type != configs.NetTap || mode == net.VHostOff {
		return net.VHostOff, nil, err
	}
	if mode == net.VHostAuto && (c.ReceivePerSecond > 0 || c.TransmitPerSecond > 0) {
		return net.VHostOff, nil, nil // the kernel knows no rates
	}
	var kernels []net.VHostNet
	for range c.Queues {
		f, err := vhost.Open()
		if err == nil {
			var n *vhost.Net
			if n, err = vhost.New(f); err == nil {
				kernels = append(kernels, n)
				continue
			}
		}
		for _, k := range kernels {
			err = errors.Join(err, k.Close())
		}
		if mode == net.VHostAuto && (errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)) {
			return net.VHostOff, nil, nil
		}
		return mode, nil, err
	}
	return mode, kernels, nil
}

// limiter is nil, and not an interface with nothing in it, for no limit.
func limiter(bytesPerSecond configs.Size) net.Limiter {
	if bytesPerSecond == 0 {
		return nil
	}
	return ratelimit.New(ratelimit.Limits{Bytes: ratelimit.Rate{PerSecond: uint64(bytesPerSecond)}}, ratelimit.Clock{})
}
