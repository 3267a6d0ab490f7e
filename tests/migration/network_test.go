package migration

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// Addresses. The guest's network is one segment, with a bridge on each side and one
// outside, where the guest's peer is; the moves have a link of their own.
const (
	outsideAddress = "10.71.0.1"
	guestAddress   = "10.71.0.50"
	bridgeName     = "lan"
	tapName        = "tap0"
	linkName       = "move" // on both sides
)

// network joins the namespaces of a world.
func (w *world) network() {
	w.t.Helper()
	w.must(w.outside.do(func() error {
		if err := up("lo"); err != nil {
			return err
		}
		return bridge(outsideAddress + "/24")
	}))
	for i, s := range w.sides {
		w.must(s.net.do(func() error {
			if err := up("lo"); err != nil {
				return err
			}
			return bridge("")
		}))
		w.pair(w.outside, fmt.Sprintf("side%d", i), s.net, "up")
		for n, port := range map[*namespace]string{w.outside: fmt.Sprintf("side%d", i), s.net: "up"} {
			w.must(n.do(func() error { return onBridge(port) }))
		}
		s.address = fmt.Sprintf("10.72.0.%d", i+1)
	}
	w.pair(w.sides[0].net, linkName, w.sides[1].net, linkName)
	for _, s := range w.sides {
		w.must(s.net.do(func() error { return address(linkName, s.address+"/24") }))
	}
}

// pair makes a cable between two namespaces, with both ends up.
func (w *world) pair(a *namespace, atA string, b *namespace, atB string) {
	w.t.Helper()
	w.must(a.do(func() error {
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: atA}, PeerName: atB, PeerNamespace: netlink.NsFd(int(b.file.Fd())),
		})
		if err != nil {
			return fmt.Errorf("cable %s to %s: %w", atA, atB, err)
		}
		return up(atA)
	}))
	w.must(b.do(func() error { return up(atB) }))
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
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}); err != nil {
		return fmt.Errorf("%s: %w", bridgeName, err)
	}
	if prefix != "" {
		if err := address(bridgeName, prefix); err != nil {
			return err
		}
	}
	return up(bridgeName)
}

func onBridge(port string) error {
	l, err := netlink.LinkByName(port)
	if err != nil {
		return err
	}
	b, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	return netlink.LinkSetMaster(l, b)
}

// shape gives the link of moves a quality, both ways: what follows tc's "netem".
// Without words it is as good as it gets.
func (w *world) shape(words ...string) {
	w.t.Helper()
	for _, s := range w.sides {
		args := []string{"qdisc", "replace", "dev", linkName, "root", "netem"}
		if len(words) == 0 {
			args = []string{"qdisc", "replace", "dev", linkName, "root", "pfifo"}
		}
		w.must(s.net.do(func() error {
			if out, err := exec.Command("tc", append(args, words...)...).CombinedOutput(); err != nil {
				return fmt.Errorf("tc %s: %w\n%s", strings.Join(words, " "), err, out)
			}
			return nil
		}))
	}
}

// unplug takes the link of moves down: nobody is told, packets are gone.
func (w *world) unplug() {
	w.t.Helper()
	w.must(w.sides[1].net.do(func() error { return down(linkName) }))
}

func (w *world) plug() {
	w.t.Helper()
	w.must(w.sides[1].net.do(func() error { return up(linkName) }))
}

// devices are the network devices of a side that a move or a guest made.
func (s *side) devices(t *testing.T) (names []string) {
	t.Helper()
	err := s.net.do(func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			switch i.Name {
			case "lo", "up", bridgeName, linkName:
			default:
				names = append(names, i.Name)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return names
}

// rename gives a device another name, which it cannot have while it is up.
func rename(from, to string) error {
	l, err := netlink.LinkByName(from)
	if err == nil {
		err = netlink.LinkSetDown(l)
	}
	if err == nil {
		err = netlink.LinkSetName(l, to)
	}
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("%s: rename to %s: %w", from, to, err)
	}
	return nil
}
