package spawn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
)

// open opens a port of the host, and returns it as it is then.
func open(p Port) (*os.File, netip.AddrPort, error) {
	if p.Guest == 0 {
		return nil, p.Host, errors.New("the guest's port is 0: want 1 to 65535")
	}
	switch p.Protocol {
	case "tcp":
		return openTCP(p.Host)
	case "udp":
		return openUDP(p.Host)
	default:
		return nil, p.Host, fmt.Errorf("protocol %q: want tcp or udp", p.Protocol)
	}
}

func openTCP(at netip.AddrPort) (*os.File, netip.AddrPort, error) {
	var c net.ListenConfig
	c.SetMultipathTCP(false) // guests have none, and it is slower
	listener, err := c.Listen(context.Background(), network("tcp", at), at.String())
	if err != nil {
		return nil, at, cause(err)
	}
	l := listener.(*net.TCPListener)
	defer l.Close()
	f, err := l.File()
	return f, unmapped(l.Addr().(*net.TCPAddr).AddrPort()), err
}

func openUDP(at netip.AddrPort) (*os.File, netip.AddrPort, error) {
	c, err := net.ListenUDP(network("udp", at), net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, at, cause(err)
	}
	defer c.Close()
	f, err := c.File()
	return f, unmapped(c.LocalAddr().(*net.UDPAddr).AddrPort()), err
}

// network is of the address's kind: 0.0.0.0 is not all of IPv6 too.
func network(protocol string, at netip.AddrPort) string {
	if at.Addr().Unmap().Is4() {
		return protocol + "4"
	}
	return protocol + "6"
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// cause is an error of package net without the address, which the message has.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
