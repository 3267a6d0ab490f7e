package netd

import "net/netip"

// Addresses of the network.
const (
	Subnet   = "10.0.2.0/24"
	Gateway  = "10.0.2.2"
	Guest    = "10.0.2.15"
	HostLoop = "10.0.2.254" // the host's loopback, where that is allowed
)

var (
	subnet    = netip.MustParsePrefix(Subnet)
	gateway   = netip.MustParseAddr(Gateway)
	guest     = netip.MustParseAddr(Guest)
	hostLoop  = netip.MustParseAddr(HostLoop)
	loopback  = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	everyone  = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	lastGuest = hostLoop.Prev()
)

// never are addresses that lead nowhere, whatever the host's routes say.
var never = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),          // this host (RFC 1122, 3.2.1.3)
	netip.MustParsePrefix("127.0.0.0/8"),        // loopback
	netip.MustParsePrefix("169.254.0.0/16"),     // link-local: metadata of most clouds
	netip.MustParsePrefix("192.0.0.0/24"),       // protocol assignments (RFC 6890): metadata of Oracle's
	netip.MustParsePrefix("100.100.100.200/32"), // metadata of Alibaba's
	netip.MustParsePrefix("168.63.129.16/32"),   // the wire server of Azure
	netip.MustParsePrefix("224.0.0.0/4"),        // multicast
	netip.MustParsePrefix("240.0.0.0/4"),        // reserved, and broadcast
}

// routeKind is what the host's routes make of an address.
type routeKind int

const (
	routeNone  routeKind = iota // it cannot be reached, or is a broadcast address
	routeAway                   // another host
	routeLocal                  // this host
)

// policy says where packets of the guest may go.
type policy struct {
	hostLoopback bool
	route        func(netip.Addr) routeKind
}

// target is where what the guest sends to an address goes, if anywhere. The
// gateway's own services are not asked about here.
func (p *policy) target(to netip.AddrPort) (netip.AddrPort, bool) {
	a := to.Addr()
	if a == hostLoop && p.hostLoopback && to.Port() != 0 {
		return netip.AddrPortFrom(loopback, to.Port()), true
	}
	if !a.Is4() || to.Port() == 0 || subnet.Contains(a) {
		return netip.AddrPort{}, false
	}
	for _, n := range never {
		if n.Contains(a) {
			return netip.AddrPort{}, false
		}
	}
	switch p.route(a) {
	case routeAway:
		return to, true
	case routeLocal:
		return to, p.hostLoopback
	default:
		return netip.AddrPort{}, false
	}
}

// isGuest reports whether an address may be one of the guest's: it has been given
// one, and may take others of the network.
func isGuest(a netip.Addr) bool {
	return gateway.Less(a) && !lastGuest.Less(a)
}
