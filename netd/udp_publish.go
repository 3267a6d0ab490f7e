package netd

import (
	"net/netip"
	"sync"
	"time"
)

// Ports of the gateway that stand for clients of published ports.
const (
	firstClientPort = 32768
	lastClientPort  = 65535
)

// clientFlows are the flows of one published port.
type clientFlows struct {
	PublishedUDP
	to netip.AddrPort // the guest's end

	mu       sync.Mutex
	byClient map[netip.AddrPort]*flow
}

// publishUDP takes datagrams for the guest until the network ends. The guest sees
// each client as a port of the gateway, and its answers go back to it.
func (n *Network) publishUDP(p PublishedUDP) {
	c := &clientFlows{PublishedUDP: p, to: netip.AddrPortFrom(guest, p.Guest), byClient: make(map[netip.AddrPort]*flow)}
	buf := make([]byte, maxDatagram)
	for {
		got, client, err := p.Socket.ReadFromUDPAddrPort(buf)
		if n.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // that of a datagram which was sent earlier
		}
		f := c.find(client)
		if f == nil {
			f = n.addClient(c, client)
		}
		n.clients.again(f, time.Now())
		route, err := n.udpRoute(f.key)
		if err != nil {
			continue
		}
		n.sendUDP(route, f.key, buf[:got])
		route.Release()
	}
}

func (c *clientFlows) find(client netip.AddrPort) *flow {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byClient[client]
}

// addClient begins a client's flow.
func (n *Network) addClient(c *clientFlows, client netip.AddrPort) *flow {
	f := &flow{key: flowKey{guest: c.to, other: n.clientPort(c.to)}, idle: flowIdle}
	f.send = func(b []byte) { _, _ = c.Socket.WriteToUDPAddrPort(b, client) }
	f.end = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.byClient[client] == f {
			delete(c.byClient, client)
		}
	}
	c.mu.Lock()
	c.byClient[client] = f
	c.mu.Unlock()
	n.clients.add(f, time.Now())
	return f
}

// clientPort is the next port of the gateway from which there is no flow to the
// guest's. There are more ports than flows.
func (n *Network) clientPort(to netip.AddrPort) netip.AddrPort {
	for {
		port := gatewayPort(uint16(firstClientPort + n.clientPorts.Add(1)%(lastClientPort-firstClientPort+1)))
		if !n.clients.has(flowKey{guest: to, other: port}) {
			return port
		}
	}
}
