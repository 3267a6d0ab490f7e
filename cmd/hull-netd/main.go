// Command hull-netd is a user-mode network for one guest (package netd). It is
// started by package netd/spawn, with the network device's socket, a pipe to say
// on that it is ready, and listeners for published ports.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/netd"
)

// Descriptors that the parent hands over.
const (
	socketFD = 3
	readyFD  = 4
)

func main() {
	config, err := parse(os.Args[1:])
	if err == nil {
		err = run(config, os.NewFile(socketFD, "network device"), os.NewFile(readyFD, "ready"))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "hull-netd: %v\n", err)
		os.Exit(1)
	}
}

// run serves the network until the guest's end of the socket is closed.
func run(config netd.Config, socket, ready *os.File) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM)
	defer stop()
	signal.Ignore(unix.SIGINT, unix.SIGHUP) // a terminal's are the parent's
	netd.QuietLog(os.Stderr)
	network, err := netd.New(config)
	if err == nil {
		err = confine()
	}
	if err != nil {
		fmt.Fprintf(ready, "%v\n", err)
		return err
	}
	fmt.Fprintln(ready)
	ready.Close()
	return network.Serve(ctx, socket)
}

// confine gives up what the process does not need any more: it opens no files
// but the resolver's, and gains no right by executing anything.
func confine() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	return nil
}

func parse(args []string) (netd.Config, error) {
	c := netd.Config{UDP: make(map[string]uint16)}
	f := flag.NewFlagSet("hull-netd", flag.ContinueOnError)
	f.IntVar(&c.MTU, "mtu", 0, "largest packet in `bytes`; 0 for 1500")
	f.StringVar(&c.GuestMAC, "mac", "", "the guest's `MAC` address")
	f.BoolVar(&c.HostLoopback, "host-loopback", false, "let the guest reach the host's loopback")
	f.Func("tcp", "`FD=PORT`: connections of a listener go to a port of the guest", func(s string) error {
		fd, port, err := pair(s)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(fd)
		if err != nil || n <= readyFD {
			return fmt.Errorf("descriptor %q", fd)
		}
		file := os.NewFile(uintptr(n), "listener")
		l, err := net.FileListener(file)
		file.Close()
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", n, err)
		}
		c.TCP = append(c.TCP, netd.Published{Listener: l, Guest: port})
		return nil
	})
	f.Func("udp", "`ADDRESS:PORT=PORT`: datagrams go to a port of the guest", func(s string) error {
		host, port, err := pair(s)
		if err != nil {
			return err
		}
		at, err := netip.ParseAddrPort(host)
		if err != nil {
			return err
		}
		c.UDP[at.String()] = port
		return nil
	})
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("argument %q: there are none", f.Arg(0))
	}
	if _, err := net.ParseMAC(c.GuestMAC); err != nil {
		return c, fmt.Errorf("the guest's MAC address: %w", err)
	}
	return c, nil
}

func pair(s string) (left string, port uint16, err error) {
	left, right, ok := strings.Cut(s, "=")
	n, err := strconv.ParseUint(right, 10, 16)
	if !ok || err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q: want a port behind an =", s)
	}
	return left, uint16(n), nil
}
