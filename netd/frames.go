package netd

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Ethernet (IEEE 802.3), ARP (RFC 826) and IPv4 (RFC 791): offsets in a frame.
const (
	ethDst    = 0
	ethSrc    = 6
	ethType   = 12
	ethHeader = 14

	typeIPv4 = 0x0800
	typeARP  = 0x0806

	arpHardware = ethHeader
	arpProtocol = ethHeader + 2
	arpSizes    = ethHeader + 4
	arpOp       = ethHeader + 6
	arpSender   = ethHeader + 8
	arpTarget   = ethHeader + 24
	arpEnd      = ethHeader + 28

	arpEthernet = 1
	arpRequest  = 1

	ipVersion  = ethHeader
	ipProtocol = ethHeader + 9
	ipSrc      = ethHeader + 12
	ipDst      = ethHeader + 16
	ipHeader   = ethHeader + 20

	protocolICMP = 1
	protocolTCP  = 6
	protocolUDP  = 17
)

var (
	gatewayMAC   = [6]byte{0x52, 0x55, 10, 0, 2, 2} // locally administered
	broadcastMAC = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// filter says which of the guest's frames are looked at.
type filter struct {
	guest        [6]byte
	mtu          int
	hostLoopback bool
}

func newFilter(c Config) (*filter, bool) {
	mac, err := net.ParseMAC(c.GuestMAC)
	if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
		return nil, false
	}
	return &filter{guest: [6]byte(mac), mtu: c.MTU, hostLoopback: c.HostLoopback}, true
}

// pass reports whether a frame is one that this network has anything to do with:
// from the guest's MAC address, to the gateway's or to all, a question who has a
// gateway's address, or TCP, UDP or a ping in IPv4.
func (f *filter) pass(frame []byte) bool {
	if len(frame) < ethHeader || len(frame) > ethHeader+f.mtu {
		return false
	}
	dst := [6]byte(frame[ethDst:])
	if [6]byte(frame[ethSrc:]) != f.guest || dst != gatewayMAC && dst != broadcastMAC {
		return false
	}
	switch binary.BigEndian.Uint16(frame[ethType:]) {
	case typeARP:
		return f.passARP(frame)
	case typeIPv4:
		return f.passIPv4(frame)
	default:
		return false
	}
}

// passARP lets requests for the gateway's addresses pass. The guest's are known.
func (f *filter) passARP(frame []byte) bool {
	return len(frame) >= arpEnd &&
		binary.BigEndian.Uint16(frame[arpHardware:]) == arpEthernet &&
		binary.BigEndian.Uint16(frame[arpProtocol:]) == typeIPv4 &&
		frame[arpSizes] == 6 && frame[arpSizes+1] == 4 &&
		binary.BigEndian.Uint16(frame[arpOp:]) == arpRequest &&
		[6]byte(frame[arpSender:]) == f.guest &&
		f.answers(netip.AddrFrom4([4]byte(frame[arpTarget:])))
}

// answers reports whether an address is one of the gateway's.
func (f *filter) answers(a netip.Addr) bool {
	return a == gateway || a == hostLoop && f.hostLoopback
}

// passIPv4 looks at addresses and protocol; the rest is gVisor's to check.
func (f *filter) passIPv4(frame []byte) bool {
	if len(frame) < ipHeader || frame[ipVersion]>>4 != 4 {
		return false
	}
	src, dst := netip.AddrFrom4([4]byte(frame[ipSrc:])), netip.AddrFrom4([4]byte(frame[ipDst:]))
	protocol := frame[ipProtocol]
	if dst == everyone { // DHCP
		return protocol == protocolUDP && (src.IsUnspecified() || isGuest(src))
	}
	if !isGuest(src) || dst.IsMulticast() {
		return false
	}
	switch protocol {
	case protocolTCP, protocolUDP:
		return true
	case protocolICMP:
		// gVisor would answer for any host. This one cannot ask others.
		return f.answers(dst)
	default:
		return false
	}
}
