package netdtest

import (
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// guestMAC is MAC.
var guestMAC = [6]byte{0x52, 0x54, 0, 0x12, 0x34, 0x56}

// Ethernet is a frame of the guest to a MAC address.
func Ethernet(dst [6]byte, kind uint16, payload []byte) []byte {
	frame := make([]byte, header.EthernetMinimumSize, header.EthernetMinimumSize+len(payload))
	header.Ethernet(frame).Encode(&header.EthernetFields{
		SrcAddr: tcpip.LinkAddress(guestMAC[:]), DstAddr: tcpip.LinkAddress(dst[:]), Type: tcpip.NetworkProtocolNumber(kind),
	})
	return append(frame, payload...)
}

// IPv4 is a frame to the gateway that has a packet.
func IPv4(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	packet := make([]byte, header.IPv4MinimumSize, header.IPv4MinimumSize+len(payload))
	h := header.IPv4(packet)
	h.Encode(&header.IPv4Fields{
		TotalLength: uint16(header.IPv4MinimumSize + len(payload)), ID: 1, TTL: 64, Protocol: protocol,
		SrcAddr: tcpip.AddrFrom4(src.As4()), DstAddr: tcpip.AddrFrom4(dst.As4()),
	})
	h.SetChecksum(^h.CalculateChecksum())
	to := Gateway
	if dst == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		to = [6]byte{255, 255, 255, 255, 255, 255}
	}
	return Ethernet(to, uint16(header.IPv4ProtocolNumber), append(packet, payload...))
}

// UDP is a frame that has a datagram.
func UDP(src, dst netip.AddrPort, data []byte) []byte {
	datagram := make([]byte, header.UDPMinimumSize, header.UDPMinimumSize+len(data))
	h := header.UDP(datagram)
	length := uint16(header.UDPMinimumSize + len(data))
	h.Encode(&header.UDPFields{SrcPort: src.Port(), DstPort: dst.Port(), Length: length})
	sum := pseudo(header.UDPProtocolNumber, src, dst, length)
	h.SetChecksum(^h.CalculateChecksum(checksum.Checksum(data, sum)))
	return IPv4(src.Addr(), dst.Addr(), uint8(header.UDPProtocolNumber), append(datagram, data...))
}

// SYN is a frame that asks for a connection.
func SYN(src, dst netip.AddrPort) []byte {
	h := header.TCP(make([]byte, header.TCPMinimumSize))
	h.Encode(&header.TCPFields{
		SrcPort: src.Port(), DstPort: dst.Port(), SeqNum: 1000, DataOffset: header.TCPMinimumSize,
		Flags: header.TCPFlagSyn, WindowSize: 65535,
	})
	h.SetChecksum(^h.CalculateChecksum(pseudo(header.TCPProtocolNumber, src, dst, header.TCPMinimumSize)))
	return IPv4(src.Addr(), dst.Addr(), uint8(header.TCPProtocolNumber), h)
}

// ARP is a request for the MAC address of target, to all.
func ARP(sender, target netip.Addr) []byte {
	h := header.ARP(make([]byte, header.ARPSize))
	h.SetIPv4OverEthernet()
	h.SetOp(header.ARPRequest)
	copy(h.HardwareAddressSender(), guestMAC[:])
	copy(h.ProtocolAddressSender(), sender.AsSlice())
	copy(h.ProtocolAddressTarget(), target.AsSlice())
	return Ethernet([6]byte{255, 255, 255, 255, 255, 255}, uint16(header.ARPProtocolNumber), h)
}

func pseudo(protocol tcpip.TransportProtocolNumber, src, dst netip.AddrPort, length uint16) uint16 {
	return header.PseudoHeaderChecksum(protocol, tcpip.AddrFrom4(src.Addr().As4()), tcpip.AddrFrom4(dst.Addr().As4()), length)
}

// FixHeader puts the checksum of a frame's IPv4 header right.
func FixHeader(frame []byte) {
	h := header.IPv4(frame[header.EthernetMinimumSize:])
	h.SetChecksum(0)
	h.SetChecksum(^h.CalculateChecksum())
}
