package twohosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
)

// Addresses and devices. The guests' network is one segment, with a bridge on each side
// and one outside; moves have a link of their own.
const (
	OutsideAddress = "10.71.0.1"
	GuestAddress   = "10.71.0.50"
	Bridge         = "lan"  // everywhere
	Link           = "move" // on both sides
	cable          = "up"   // on both sides: to outside
)

// Addresses are those of the sides on the link.
var Addresses = [2]string{"10.72.0.1", "10.72.0.2"}

// Network is two sides, and outside.
type Network struct {
	Sides   [2]*Namespace
	Outside *Namespace
}

// New makes a network.
func New() (_ *Network, err error) {
	n := new(Network)
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	for _, one := range []**Namespace{&n.Outside, &n.Sides[0], &n.Sides[1]} {
		if *one, err = NewNamespace(); err != nil {
			return nil, err
		}
	}
	if err := n.Outside.Do(func() error { return bridge(OutsideAddress + "/24") }); err != nil {
		return nil, err
	}
	for i, side := range n.Sides {
		port := fmt.Sprintf("side%d", i)
		err := errors.Join(
			side.Do(func() error { return bridge("") }),
			pair(n.Outside, port, side, cable),
			n.Outside.Do(func() error { return onBridge(port) }),
			side.Do(func() error { return onBridge(cable) }),
		)
		if err != nil {
			return nil, err
		}
	}
	if err := pair(n.Sides[0], Link, n.Sides[1], Link); err != nil {
		return nil, err
	}
	for i, side := range n.Sides {
		if err := side.Do(func() error { return address(Link, Addresses[i]+"/24") }); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Close lets the network go: it lives as long as processes and sockets are in it.
func (n *Network) Close() error {
	var err error
	for _, one := range []*Namespace{n.Outside, n.Sides[0], n.Sides[1]} {
		if one != nil {
			err = errors.Join(err, one.Close())
		}
	}
	return err
}

// Shape gives the link of moves a quality, both ways: the words after tc's netem. Without
// words it is as good as it gets.
func (n *Network) Shape(words ...string) error {
	args := []string{"qdisc", "replace", "dev", Link, "root", "netem"}
	if len(words) == 0 {
		args = []string{"qdisc", "replace", "dev", Link, "root", "pfifo"}
	}
	for _, side := range n.Sides {
		err := side.Do(func() error {
			if out, err := exec.Command("tc", append(args, words...)...).CombinedOutput(); err != nil {
				return fmt.Errorf("tc %s: %w: %s", strings.Join(words, " "), err, out)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Unplug takes the link of moves down: nobody is told, packets are gone.
func (n *Network) Unplug() error { return n.Sides[1].Do(func() error { return down(Link) }) }

// Plug undoes that.
func (n *Network) Plug() error { return n.Sides[1].Do(func() error { return up(Link) }) }

// LinkBytes is how much a side has sent over the link of moves, with all headers.
func (n *Network) LinkBytes(side int) (sent uint64, err error) {
	err = n.Sides[side].Do(func() error {
		l, err := netlink.LinkByName(Link)
		if err == nil {
			sent = l.Attrs().Statistics.TxBytes
		}
		return err
	})
	return sent, err
}

// Devices are the network devices of a side that guests and moves have made.
func (n *Network) Devices(side int) (names []string, err error) {
	err = n.Sides[side].Do(func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			if !slices.Contains([]string{"lo", cable, Bridge, Link}, i.Name) {
				names = append(names, i.Name)
			}
		}
		return err
	})
	return names, err
}

// RenameBridge gives the bridge of a side another name.
func (n *Network) RenameBridge(side int, from, to string) error {
	return n.Sides[side].Do(func() error {
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
	})
}

// Attach puts a network device that is about to be made, as a tap by who opens it, on the
// bridge of a side.
func (n *Network) Attach(ctx context.Context, side int, device string) error {
	for {
		err := n.Sides[side].Do(func() error {
			if err := onBridge(device); err != nil {
				return err
			}
			return up(device)
		})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
