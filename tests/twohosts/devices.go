package twohosts

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// pair makes a cable between two namespaces, with both ends up.
func pair(a *Namespace, atA string, b *Namespace, atB string) error {
	err := a.Do(func() error {
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: atA}, PeerName: atB, PeerNamespace: netlink.NsFd(int(b.file.Fd())),
		})
		if err != nil {
			return fmt.Errorf("cable %s to %s: %w", atA, atB, err)
		}
		return up(atA)
	})
	if err != nil {
		return err
	}
	return b.Do(func() error { return up(atB) })
}

func up(name string) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("%s: up: %w", name, err)
	}
	return nil
}

func down(name string) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetDown(l)
	}
	if err != nil {
		return fmt.Errorf("%s: down: %w", name, err)
	}
	return nil
}

func address(name, prefix string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a, err := netlink.ParseAddr(prefix)
	if err == nil {
		err = netlink.AddrAdd(l, a)
	}
	if err != nil {
		return fmt.Errorf("%s: address %s: %w", name, prefix, err)
	}
	return nil
}

func bridge(prefix string) error {
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: Bridge}}); err != nil {
		return fmt.Errorf("%s: %w", Bridge, err)
	}
	if prefix != "" {
		if err := address(Bridge, prefix); err != nil {
			return err
		}
	}
	return up(Bridge)
}

func onBridge(port string) error {
	l, err := netlink.LinkByName(port)
	if err != nil {
		return fmt.Errorf("%s: %w", port, err)
	}
	b, err := netlink.LinkByName(Bridge)
	if err == nil {
		err = netlink.LinkSetMaster(l, b)
	}
	if err != nil {
		return fmt.Errorf("%s: on the bridge %s: %w", port, Bridge, err)
	}
	return nil
}
