package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/hullvm/hull/netd"
)

// options are the command's arguments.
type options struct {
	mtu          int
	mac          string
	hostLoopback bool
	namespaced   bool
	unconfined   bool
	tcp, udp     []published
}

// published is a socket's descriptor, and the guest's port that it leads to.
type published struct {
	fd   int
	port uint16
}

func parse(args []string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("hull-netd", flag.ContinueOnError)
	f.SetOutput(out)
	f.IntVar(&o.mtu, "mtu", 0, "largest packet in `bytes`; 0 for 1500")
	f.StringVar(&o.mac, "mac", "", "the guest's `MAC` address")
	f.BoolVar(&o.hostLoopback, "host-loopback", false, "let the guest reach the host's loopback")
	f.BoolVar(&o.namespaced, "namespaced", false, "the process has namespaces of its own")
	f.BoolVar(&o.unconfined, "unconfined", false, "serve although there is not enough to confine the process")
	add := func(list *[]published) func(string) error {
		return func(s string) error {
			p, err := parsePublished(s)
			*list = append(*list, p)
			return err
		}
	}
	f.Func("tcp", "`FD=PORT`: connections of a listener go to a port of the guest", add(&o.tcp))
	f.Func("udp", "`FD=PORT`: datagrams of a socket go to a port of the guest", add(&o.udp))
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("argument %q: want none", f.Arg(0))
	case o.mac == "":
		return o, errors.New("-mac is needed: the guest's MAC address")
	}
	seen := make(map[int]bool)
	for _, p := range append(append([]published(nil), o.tcp...), o.udp...) {
		if seen[p.fd] {
			return o, fmt.Errorf("descriptor %d: is published twice", p.fd)
		}
		seen[p.fd] = true
	}
	return o, nil
}

func parsePublished(s string) (p published, err error) {
	left, right, ok := strings.Cut(s, "=")
	port, perr := strconv.ParseUint(right, 10, 16)
	p.fd, err = strconv.Atoi(left)
	if !ok || err != nil || perr != nil || port == 0 || p.fd <= readyFD {
		return p, fmt.Errorf("%q: want FD=PORT, a descriptor above %d and a port", s, readyFD)
	}
	p.port = uint16(port)
	return p, nil
}

// descriptors are all that the command was given.
func (o options) descriptors() []int {
	fds := []int{socketFD, readyFD}
	for _, p := range append(append([]published(nil), o.tcp...), o.udp...) {
		fds = append(fds, p.fd)
	}
	return fds
}

// config is the network's. It takes the published sockets' descriptors.
func (o options) config() (netd.Config, error) {
	c := netd.Config{MTU: o.mtu, GuestMAC: o.mac, HostLoopback: o.hostLoopback}
	for _, p := range o.tcp {
		f := os.NewFile(uintptr(p.fd), "listener")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return c, fmt.Errorf("descriptor %d: %w", p.fd, err)
		}
		c.TCP = append(c.TCP, netd.PublishedTCP{Listener: l, Guest: p.port})
	}
	for _, p := range o.udp {
		f := os.NewFile(uintptr(p.fd), "socket")
		s, err := net.FilePacketConn(f)
		f.Close()
		if err != nil {
			return c, fmt.Errorf("descriptor %d: %w", p.fd, err)
		}
		u, ok := s.(*net.UDPConn)
		if !ok {
			return c, fmt.Errorf("descriptor %d: is no UDP socket", p.fd)
		}
		c.UDP = append(c.UDP, netd.PublishedUDP{Socket: u, Guest: p.port})
	}
	return c, nil
}
