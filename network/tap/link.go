package tap

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// Link is what the host's end of a tap is to be. What is not set is left as it
// is.
type Link struct {
	MAC    net.HardwareAddr // the host's own, not the guest's
	MTU    int              // bytes
	Bridge string           // the bridge that it is a port of
	Up     bool
}

// Configure sets the host's end of a tap up. It needs CAP_NET_ADMIN.
func Configure(name string, l Link) error {
	if err := configure(name, l); err != nil {
		return fmt.Errorf("tap %q: %w", name, err)
	}
	return nil
}

func configure(name string, l Link) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if l.MAC != nil {
		if err := netlink.LinkSetHardwareAddr(link, l.MAC); err != nil {
			return fmt.Errorf("set MAC %v: %w", l.MAC, err)
		}
	}
	if l.MTU != 0 {
		if err := netlink.LinkSetMTU(link, l.MTU); err != nil {
			return fmt.Errorf("set MTU %d: %w", l.MTU, err)
		}
	}
	if l.Bridge != "" {
		if err := join(link, l.Bridge); err != nil {
			return fmt.Errorf("join bridge %q: %w", l.Bridge, err)
		}
	}
	if l.Up {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set up: %w", err)
		}
	}
	return nil
}

func join(link netlink.Link, bridge string) error {
	master, err := netlink.LinkByName(bridge)
	if err != nil {
		return err
	}
	if master.Type() != "bridge" {
		return fmt.Errorf("it is an interface of another kind, %s", master.Type())
	}
	return netlink.LinkSetMaster(link, master)
}

// Remove removes a tap, one that is persistent or open as well. One that is not
// there is no error.
func Remove(name string) error {
	link, err := netlink.LinkByName(name)
	if _, gone := err.(netlink.LinkNotFoundError); gone {
		return nil
	}
	if err == nil && link.Type() != "tuntap" && link.Type() != "tun" {
		err = fmt.Errorf("it is an interface of another kind, %s", link.Type())
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("tap %q: remove: %w", name, err)
	}
	return nil
}
