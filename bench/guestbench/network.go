package main

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/hullvm/hull/bench/figures"
)

// linkTime is how long a driver may take to find its device.
const linkTime = 10 * time.Second

// setUpNetwork gives both devices their addresses.
func setUpNetwork() error {
	for _, n := range [][2]string{{figures.MACVHost, figures.GuestVHost}, {figures.MACPlain, figures.GuestPlain}} {
		link, err := findLink(n[0])
		if err != nil {
			return err
		}
		address, err := netlink.ParseAddr(n[1] + "/24")
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("address %s: %w", n[1], err)
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("network %s: set up: %w", n[0], err)
		}
	}
	return nil
}

func findLink(mac string) (netlink.Link, error) {
	want, err := net.ParseMAC(mac)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(linkTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		links, err := netlink.LinkList()
		if err != nil {
			return nil, err
		}
		for _, l := range links {
			if bytes.Equal(l.Attrs().HardwareAddr, want) {
				return l, nil
			}
		}
	}
	return nil, fmt.Errorf("network %s: not there after %v", mac, linkTime)
}

// host is the host's address on the network that a figure is about.
func host(f figures.Figure) string {
	if f.VHost {
		return figures.HostVHost
	}
	return figures.HostPlain
}
