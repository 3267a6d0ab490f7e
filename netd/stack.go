package netd

import (
	"fmt"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// nic is the number of the only network interface of the stack.
const nic tcpip.NICID = 1

// synRetries is how often the stack repeats the beginning of a connection, each
// time after twice as long: some 30 seconds in all.
const synRetries = 4

// newStack makes the gateway's TCP/IP, which takes packets to any address for
// its own.
func newStack(link *channel.Endpoint, c Config, mac [6]byte) (*stack.Stack, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	err := setUp(s, link, c, mac)
	if err != nil {
		s.Destroy()
		return nil, err
	}
	return s, nil
}

func setUp(s *stack.Stack, link *channel.Endpoint, c Config, mac [6]byte) error {
	var failed error
	try := func(what string, err tcpip.Error) {
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %v", what, err)
		}
	}
	sack, retries := tcpip.TCPSACKEnabled(true), tcpip.TCPSynRetriesOption(synRetries)
	// RACK takes packets for lost that are only late (gVisor's issue 9707), and
	// throughput collapses.
	recovery := tcpip.TCPRecovery(0)
	wait, linger := tcpip.TCPTimeWaitTimeoutOption(timeWait), tcpip.TCPLingerTimeoutOption(lingerTime)
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&sack, &recovery, &retries, &wait, &linger,
		&tcpip.TCPSendBufferSizeRangeOption{Min: minBuffer, Default: maxBuffer, Max: maxBuffer},
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: minBuffer, Default: maxBuffer, Max: maxBuffer},
	} {
		try(fmt.Sprintf("%T", o), s.SetTransportProtocolOption(tcp.ProtocolNumber, o))
	}
	try("interface", s.CreateNIC(nic, ethernet.New(link)))
	addresses := []netip.Addr{gateway}
	if c.HostLoopback {
		addresses = append(addresses, hostLoop)
	}
	for _, a := range addresses {
		try(a.String(), s.AddProtocolAddress(nic, tcpip.ProtocolAddress{
			Protocol:          ipv4.ProtocolNumber,
			AddressWithPrefix: address(a).WithPrefix(),
		}, stack.AddressProperties{}))
	}
	try("spoofing", s.SetSpoofing(nic, true))
	try("promiscuous mode", s.SetPromiscuousMode(nic, true))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	// All of the guest's addresses are at its MAC address: nothing is learned.
	for a := gateway.Next(); isGuest(a); a = a.Next() {
		try(a.String(), s.AddStaticNeighbor(nic, ipv4.ProtocolNumber, address(a), tcpip.LinkAddress(mac[:])))
	}
	return failed
}

func address(a netip.Addr) tcpip.Address { return tcpip.AddrFrom4(a.As4()) }

func addrPort(a tcpip.Address, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4(a.As4()), port)
}
