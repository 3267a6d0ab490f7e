package netd

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// maxDatagram is the longest datagram's data, in bytes: what IPv4 leaves of 64
// KiB.
const maxDatagram = 65507

// datagrams are buffers, which flows hold only while there is something in them.
var datagrams = sync.Pool{New: func() any { return new([maxDatagram]byte) }}

// acceptUDP takes a datagram of the guest. It returns false where there is
// nothing that takes it, which the guest learns.
func (n *Network) acceptUDP(id stack.TransportEndpointID, pkt *stack.PacketBuffer) bool {
	data, ok := datagram(pkt)
	if !ok {
		return true
	}
	key := flowKey{guest: addrPort(id.RemoteAddress, id.RemotePort), other: addrPort(id.LocalAddress, id.LocalPort)}
	to := key.other
	switch {
	case to.Port() == dhcpServerPort && (to.Addr() == everyone || to.Addr() == gateway):
		n.acceptDHCP(key.guest, data)
		return true
	case to.Addr() == everyone || !isGuest(key.guest.Addr()):
		return true
	case to == gatewayPort(dnsPort):
		n.acceptDNS(key, data)
		return true
	case to.Addr() == gateway:
		f := n.clients.use(key, time.Now())
		if f != nil {
			f.send(data)
		}
		return f != nil
	}
	f := n.flows.use(key, time.Now())
	if f == nil {
		target, ok := n.policy.target(to)
		if !ok {
			return false
		}
		if f = n.dialUDP(key, target); f == nil {
			return false
		}
	}
	f.send(data)
	return true
}

// datagram is what a packet has, if its header is in order.
func datagram(pkt *stack.PacketBuffer) ([]byte, bool) {
	h := header.UDP(pkt.TransportHeader().Slice())
	ip := pkt.Network()
	long, sum := header.UDPValid(h, func() uint16 { return pkt.Data().Checksum() }, uint16(pkt.Data().Size()),
		pkt.NetworkProtocolNumber, ip.SourceAddress(), ip.DestinationAddress(), pkt.RXChecksumValidated)
	if !long || !sum {
		return nil, false
	}
	data := pkt.Data().AsRange().Capped(int(h.Length()) - header.UDPMinimumSize)
	return data.ToSlice(), true
}

// dialUDP begins a flow from the guest to a host, whose answers go back.
func (n *Network) dialUDP(key flowKey, target netip.AddrPort) *flow {
	f, run := n.openUDP(key, target, flowIdle)
	if f != nil {
		n.flows.add(f, time.Now())
		n.work.run(run)
	}
	return f
}

// openUDP makes a flow to a host, or nil. Its answers go to the guest while run
// does, which ends with the flow.
func (n *Network) openUDP(key flowKey, target netip.AddrPort, idle time.Duration) (_ *flow, run func()) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(target))
	if err != nil {
		return nil, nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, nil
	}
	f := &flow{key: key, idle: idle, end: func() { conn.Close() }}
	f.send = func(b []byte) {
		// What there is no room for is lost, as is the custom of networks.
		_ = raw.Write(func(fd uintptr) bool {
			_, _ = unix.Write(int(fd), b)
			return true
		})
	}
	return f, func() {
		n.answerUDP(raw, f)
		n.flows.remove(f)
	}
}

// answerUDP sends to the guest what comes for a flow, until its end.
func (n *Network) answerUDP(raw syscall.RawConn, f *flow) {
	route, err := n.udpRoute(f.key)
	if err != nil {
		return
	}
	defer route.Release()
	for {
		var got int
		var rerr error
		var buf *[maxDatagram]byte
		err := raw.Read(func(fd uintptr) bool {
			buf = datagrams.Get().(*[maxDatagram]byte)
			got, rerr = unix.Read(int(fd), buf[:])
			if rerr == unix.EAGAIN {
				datagrams.Put(buf)
				return false
			}
			return true
		})
		if err != nil {
			return
		}
		if rerr == nil {
			n.sendUDP(route, f.key, buf[:got])
			n.flows.again(f, time.Now())
			if f.answered != nil {
				f.answered()
			}
		}
		datagrams.Put(buf)
		// Errors are those of a datagram that was sent earlier, as when nobody
		// listens: the flow goes on.
	}
}

// udpRoute is the way to the guest's end of a flow. The caller releases it.
func (n *Network) udpRoute(key flowKey) (*stack.Route, error) {
	r, err := n.stack.FindRoute(nic, address(key.other.Addr()), address(key.guest.Addr()), ipv4.ProtocolNumber, false)
	if err != nil {
		return nil, &net.AddrError{Err: err.String(), Addr: key.guest.String()}
	}
	return r, nil
}

// sendUDP sends a datagram to the guest's end of a flow. Where there is no room
// for it, it is lost.
func (n *Network) sendUDP(route *stack.Route, key flowKey, data []byte) {
	pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: header.UDPMinimumSize + int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithData(data),
	})
	defer pkt.DecRef()
	pkt.TransportProtocolNumber = udp.ProtocolNumber
	length := uint16(header.UDPMinimumSize + len(data))
	h := header.UDP(pkt.TransportHeader().Push(header.UDPMinimumSize))
	h.Encode(&header.UDPFields{SrcPort: key.other.Port(), DstPort: key.guest.Port(), Length: length})
	sum := route.PseudoHeaderChecksum(udp.ProtocolNumber, length)
	h.SetChecksum(^h.CalculateChecksum(checksum.Checksum(data, sum)))
	_ = route.WritePacket(stack.NetworkHeaderParams{Protocol: udp.ProtocolNumber, TTL: route.DefaultTTL(), TOS: stack.DefaultTOS}, pkt)
}

// sweep ends flows that are idle, until the network ends.
func (n *Network) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case now := <-tick.C:
			n.flows.expire(now)
			n.clients.expire(now)
		}
	}
}
