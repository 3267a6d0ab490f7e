package netconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
)

// deviceTime is how long the kernel may take to find a device whose driver is
// loaded.
const deviceTime = 30 * time.Second

// maxServers is how many name servers a resolver reads (resolv.conf(5), MAXNS).
const maxServers = 3

// Options are what Devices want beside the interfaces.
type Options struct {
	// Resolv is the path of the resolver's configuration; "" leaves it alone.
	Resolv string

	// LeaseTime bounds the wait for a first DHCP lease. An interface without one
	// by then is an error, and goes on asking.
	LeaseTime time.Duration

	// Remark is told, in one line, of what goes wrong later. It may be called
	// from any goroutine, and may be nil.
	Remark func(string)
}

// Up sets one interface up. A lease is renewed until ctx ends, or the device is set
// up anew; what it had leased before is given up.
func (d *Devices) Up(ctx context.Context, c bootconf.Interface) error {
	err := d.up(ctx, c)
	if err != nil {
		return fmt.Errorf("network device %s: %w", c.MAC, err)
	}
	return nil
}

func (d *Devices) up(ctx context.Context, c bootconf.Interface) error {
	mac, err := net.ParseMAC(c.MAC)
	if err != nil {
		return err
	}
	link, err := awaitLink(ctx, mac)
	if err != nil {
		return err
	}
	k := d.take(ctx, link)
	if old := link.Attrs().Name; c.Name != "" && c.Name != old {
		if err := netlink.LinkSetName(link, c.Name); err != nil {
			k.end()
			return fmt.Errorf("%s: rename to %s: %w", old, c.Name, err)
		}
		link.Attrs().Name = c.Name
	}
	if err := netlink.LinkSetUp(link); err != nil {
		k.end()
		return fmt.Errorf("%s: up: %w", link.Attrs().Name, err)
	}
	return d.set(ctx, k, c, false)
}

// set gives a device that is up its addresses, and tells the network of them if
// asked to.
func (d *Devices) set(ctx context.Context, k *keeper, c bootconf.Interface, tell bool) error {
	if c.Address == bootconf.DHCP {
		return d.lease(ctx, k, c, tell)
	}
	defer k.end()
	address, err := netlink.ParseIPNet(c.Address)
	if err != nil {
		return err
	}
	s := setting{address: address, gateway: net.ParseIP(c.Gateway), dns: parseIPs(c.DNS)}
	if err := s.apply(k.link, d.options.Resolv); err != nil {
		return err
	}
	if tell {
		k.announce(address.IP, d.options.Remark)
	}
	return nil
}

// awaitLink finds the interface with a MAC address, which may still be coming.
func awaitLink(ctx context.Context, mac net.HardwareAddr) (netlink.Link, error) {
	end := time.Now().Add(deviceTime)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		links, err := list()
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			if l.Attrs().HardwareAddr.String() == mac.String() {
				return l, nil
			}
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("not there after %v", deviceTime)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// list is all interfaces. One that comes or goes meanwhile may be missing.
func list() ([]netlink.Link, error) {
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list: %w", err)
	}
	return links, nil
}

// setting is what an interface gets.
type setting struct {
	address *net.IPNet
	gateway net.IP // nil for none
	dns     []net.IP
	mtu     int // 0 leaves it
}

func (s *setting) apply(link netlink.Link, resolv string) error {
	name := link.Attrs().Name
	if s.mtu > 0 {
		if err := netlink.LinkSetMTU(link, s.mtu); err != nil {
			return fmt.Errorf("%s: MTU %d: %w", name, s.mtu, err)
		}
	}
	if err := netlink.AddrReplace(link, &netlink.Addr{IPNet: s.address}); err != nil {
		return fmt.Errorf("%s: address %v: %w", name, s.address, err)
	}
	if s.gateway != nil {
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: s.gateway, Table: unix.RT_TABLE_MAIN}
		if !s.address.Contains(s.gateway) {
			route.Flags = int(netlink.FLAG_ONLINK)
		}
		if err := netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("%s: default route by %v: %w", name, s.gateway, err)
		}
	}
	if resolv == "" || len(s.dns) == 0 {
		return nil
	}
	var text []byte
	for _, ip := range s.dns[:min(len(s.dns), maxServers)] {
		text = fmt.Appendf(text, "nameserver %v\n", ip)
	}
	if err := os.WriteFile(resolv, text, 0o644); err != nil && !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%s: name servers: %w", name, err)
	}
	return nil
}

// remove takes the address away again. Routes by it go with it.
func (s *setting) remove(link netlink.Link) {
	_ = netlink.AddrDel(link, &netlink.Addr{IPNet: s.address})
}

func parseIPs(list []string) []net.IP {
	var ips []net.IP
	for _, text := range list {
		if ip := net.ParseIP(text); ip != nil {
			ips = append(ips, ip)
		}
	}
	return ips
}
