package netconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
)

// Renewal makes a device another one's than that of the machine from whose
// snapshot this machine goes on.
type Renewal struct {
	// Device is the MAC address that it has, or its name in the guest.
	Device string

	// Interface is what it becomes, its MAC address included.
	Interface bootconf.Interface
}

// Renew gives devices new MAC addresses and sets them up anew, all at once: what
// they had of addresses, routes and neighbours goes. Errors are in the order of
// the list. A device whose MAC address cannot be set stays down: there may be two
// of it in its network. To do it again, after a failure, does no harm.
func (d *Devices) Renew(ctx context.Context, renewals []Renewal) []error {
	errs := make([]error, len(renewals))
	// All are found before the first changes: two may exchange their addresses.
	links, err := list()
	var all sync.WaitGroup
	for i, r := range renewals {
		if err != nil {
			errs[i] = fmt.Errorf("network device %s: %w", r.Device, err)
			continue
		}
		link := find(links, &r)
		all.Go(func() {
			if err := d.renew(ctx, link, &r.Interface); err != nil {
				errs[i] = fmt.Errorf("network device %s: %w", r.Device, err)
			}
		})
	}
	all.Wait()
	return errs
}

// find is nil for a device that is not there.
func find(links []netlink.Link, r *Renewal) netlink.Link {
	var renewed netlink.Link
	for _, l := range links {
		switch a := l.Attrs(); {
		case a.Name == r.Device, a.HardwareAddr.String() == r.Device:
			return l
		case a.HardwareAddr.String() == r.Interface.MAC:
			renewed = l
		}
	}
	return renewed
}

func (d *Devices) renew(ctx context.Context, link netlink.Link, c *bootconf.Interface) error {
	if link == nil {
		return errors.New("not there")
	}
	mac, err := net.ParseMAC(c.MAC)
	if err != nil {
		return err
	}
	k := d.take(ctx, link)
	if k.link, err = restart(link, mac); err != nil {
		k.end()
		return err
	}
	return d.set(ctx, k, *c, true)
}

// restart takes a device down, which forgets its routes and neighbours, and up
// with another MAC address, of which the kernel makes its own IPv6 address.
func restart(link netlink.Link, mac net.HardwareAddr) (netlink.Link, error) {
	name := link.Attrs().Name
	if err := netlink.LinkSetDown(link); err != nil {
		return link, fmt.Errorf("%s: down: %w", name, err)
	}
	if err := flush(link); err != nil {
		return link, fmt.Errorf("%s: %w", name, err)
	}
	if err := netlink.LinkSetHardwareAddr(link, mac); err != nil {
		return link, fmt.Errorf("%s: MAC address %v: %w", name, mac, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return link, fmt.Errorf("%s: up: %w", name, err)
	}
	changed, err := netlink.LinkByIndex(link.Attrs().Index)
	if err != nil {
		return link, fmt.Errorf("%s: %w", name, err)
	}
	return changed, nil
}

// flush takes all addresses away.
func flush(link netlink.Link) error {
	addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("addresses: %w", err)
	}
	for _, a := range addresses {
		// A second one of a network goes with the first.
		if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("address %v: remove: %w", a.IPNet, err)
		}
	}
	return nil
}
