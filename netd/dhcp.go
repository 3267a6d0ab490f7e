package netd

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	dhcpServerPort = 67
	dhcpClientPort = 68
)

// leaseTime is how long the guest may use its address, which is always the same.
const leaseTime = 24 * time.Hour

// maxDHCP is the longest message of DHCP that is looked at, in bytes.
const maxDHCP = 1500

// acceptDHCP answers a message of the guest's DHCP client (RFC 2131).
func (n *Network) acceptDHCP(from netip.AddrPort, message []byte) {
	if len(message) > maxDHCP {
		return
	}
	request, err := dhcpv4.FromBytes(message)
	if err != nil || request.OpCode != dhcpv4.OpcodeBootRequest || [6]byte(hardware(request)) != n.filter.guest {
		return
	}
	kind := replyTo(request)
	if kind == dhcpv4.MessageTypeNone {
		return
	}
	reply, err := n.dhcpReply(request, kind)
	if err != nil {
		return
	}
	// A client that has its address no more, or not yet, hears what is for all.
	to := netip.AddrPortFrom(everyone, dhcpClientPort)
	if from.Addr() == guest && kind != dhcpv4.MessageTypeNak {
		to = netip.AddrPortFrom(guest, dhcpClientPort)
	}
	key := flowKey{guest: to, other: gatewayPort(dhcpServerPort)}
	route, err := n.udpRoute(key)
	if err != nil {
		return
	}
	defer route.Release()
	n.sendUDP(route, key, reply)
}

// hardware is a client's MAC address, or one that nobody has.
func hardware(m *dhcpv4.DHCPv4) net.HardwareAddr {
	if len(m.ClientHWAddr) != 6 {
		return make(net.HardwareAddr, 6)
	}
	return m.ClientHWAddr
}

// replyTo is the type of the answer to a message, or none.
func replyTo(m *dhcpv4.DHCPv4) dhcpv4.MessageType {
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return dhcpv4.MessageTypeOffer
	case dhcpv4.MessageTypeInform:
		return dhcpv4.MessageTypeAck
	case dhcpv4.MessageTypeRequest:
		if id := m.ServerIdentifier(); id != nil && !id.Equal(gateway.AsSlice()) {
			return dhcpv4.MessageTypeNone // it took another server's offer
		}
		wants := m.RequestedIPAddress()
		if wants == nil || wants.IsUnspecified() {
			wants = m.ClientIPAddr
		}
		if !wants.Equal(guest.AsSlice()) {
			return dhcpv4.MessageTypeNak
		}
		return dhcpv4.MessageTypeAck
	default:
		return dhcpv4.MessageTypeNone
	}
}

func (n *Network) dhcpReply(request *dhcpv4.DHCPv4, kind dhcpv4.MessageType) ([]byte, error) {
	options := []dhcpv4.Modifier{
		dhcpv4.WithMessageType(kind),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(gateway.AsSlice())),
	}
	if kind != dhcpv4.MessageTypeNak {
		options = append(options,
			dhcpv4.WithNetmask(net.CIDRMask(subnet.Bits(), 32)),
			dhcpv4.WithRouter(gateway.AsSlice()),
			dhcpv4.WithDNS(gateway.AsSlice()),
			dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{byte(n.config.MTU >> 8), byte(n.config.MTU)}),
		)
		if request.MessageType() != dhcpv4.MessageTypeInform {
			options = append(options, dhcpv4.WithYourIP(guest.AsSlice()), dhcpv4.WithLeaseTime(uint32(leaseTime/time.Second)))
		}
	}
	reply, err := dhcpv4.NewReplyFromRequest(request, options...)
	if err != nil {
		return nil, err
	}
	return reply.ToBytes(), nil
}
