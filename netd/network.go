package netd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// DefaultMTU is Ethernet's, in bytes.
const DefaultMTU = 1500

// MinMTU and MaxMTU are what IPv4 allows (RFC 791), in bytes.
const (
	MinMTU = 68
	MaxMTU = math.MaxUint16
)

// Config is what a network is made of.
type Config struct {
	MTU      int    // bytes; 0 for DefaultMTU
	GuestMAC string // the only address that frames are taken from

	// HostLoopback lets the guest reach what listens on the host: on its 127.0.0.1
	// as 10.0.2.254, and on its other addresses as they are.
	HostLoopback bool

	// TCP are listeners whose connections go to ports of the guest; they are the
	// network's.
	TCP []PublishedTCP

	// UDP are sockets whose datagrams go to ports of the guest; they are the
	// network's.
	UDP []PublishedUDP
}

// PublishedTCP is a listener of the host, and the guest's port that it leads to.
type PublishedTCP struct {
	Listener net.Listener
	Guest    uint16
}

// PublishedUDP is a socket of the host, and the guest's port that it leads to.
type PublishedUDP struct {
	Socket *net.UDPConn
	Guest  uint16
}

// Network is a network in user mode.
type Network struct {
	config Config
	filter *filter
	policy policy
	routes *routes
	dialer net.Dialer
	names  *resolver

	dialTime   time.Duration // for the guest to answer
	lingerTime time.Duration // for the guest to take what was sent, and to close

	stack *stack.Stack
	link  *channel.Endpoint

	opened, published, queries slots
	flows                      *flows // that the guest began
	clients                    *flows // of published ports
	clientPorts                atomic.Uint32

	lost atomic.Uint64 // frames that the filter did not let pass

	ctx  context.Context // of Serve
	work group           // goroutines that Serve waits for
}

// New makes a network. Where it fails, listeners and sockets stay the caller's.
func New(c Config) (*Network, error) {
	n, err := newNetwork(c)
	if err != nil {
		return nil, fmt.Errorf("user-mode network: %w", err)
	}
	return n, nil
}

func newNetwork(c Config) (*Network, error) {
	if c.MTU == 0 {
		c.MTU = DefaultMTU
	}
	if c.MTU < MinMTU || c.MTU > MaxMTU {
		return nil, fmt.Errorf("MTU %d: want %d to %d", c.MTU, MinMTU, MaxMTU)
	}
	f, ok := newFilter(c)
	if !ok {
		return nil, fmt.Errorf("MAC address %q: want six bytes, the first one even", c.GuestMAC)
	}
	names, err := newResolver(ResolvConf)
	if err != nil {
		return nil, err
	}
	r, err := openRoutes()
	if err != nil {
		return nil, fmt.Errorf("the host's routes: %w", err)
	}
	link := channel.New(queueLength, uint32(c.MTU)+ethHeader, tcpip.LinkAddress(gatewayMAC[:]))
	// Segments of a connection go down to the link together.
	link.SupportedGSOKind = stack.GVisorGSOSupported
	s, err := newStack(link, c, f.guest)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("TCP/IP: %w", err)
	}
	n := &Network{
		config: c, filter: f, routes: r, names: names, stack: s, link: link,
		policy:   policy{hostLoopback: c.HostLoopback, route: r.kind},
		dialer:   net.Dialer{Timeout: dialTime},
		dialTime: dialTime, lingerTime: lingerTime,
		opened: make(slots, maxOpened), published: make(slots, maxPublished), queries: make(slots, maxDNSConns),
		flows:   newFlows(maxFlows),
		clients: newFlows(maxClients),
	}
	s.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(s, maxBuffer, maxStarting, n.acceptTCP).HandlePacket)
	s.SetTransportProtocolHandler(udp.ProtocolNumber, n.acceptUDP)
	return n, nil
}

// Serve connects the network with a guest, by a SOCK_SEQPACKET socket that carries
// one Ethernet frame in each message, until the socket's other end is closed or
// ctx ends, which are no errors. It is called once, and leaves nothing behind.
func (n *Network) Serve(ctx context.Context, socket *os.File) error {
	if err := n.serve(ctx, socket); err != nil {
		return fmt.Errorf("user-mode network: socket: %w", err)
	}
	return nil
}

func (n *Network) serve(ctx context.Context, file *os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.ctx = ctx
	socket, err := newFrameSocket(file)
	if err != nil {
		return errors.Join(err, file.Close(), n.close())
	}
	stop := context.AfterFunc(ctx, func() { socket.close() })
	defer stop()
	for _, p := range n.config.TCP {
		n.work.run(func() { n.publishTCP(p) })
	}
	for _, p := range n.config.UDP {
		n.work.run(func() { n.publishUDP(p) })
	}
	n.work.run(n.sweep)
	n.work.run(func() {
		defer cancel()
		n.transmit(ctx, socket)
	})
	err = n.receive(socket)
	if errors.Is(err, errClosed) || ctx.Err() != nil {
		err = nil
	}
	cancel()
	n.work.end()
	closing := n.close()
	n.work.wait()
	if cerr := socket.close(); cerr != nil && !errors.Is(cerr, os.ErrClosed) {
		closing = errors.Join(closing, cerr)
	}
	return errors.Join(err, closing)
}

// close ends what is there of the network.
func (n *Network) close() error {
	for _, p := range n.config.TCP {
		p.Listener.Close()
	}
	for _, p := range n.config.UDP {
		p.Socket.Close()
	}
	n.flows.close()
	n.clients.close()
	n.stack.Destroy()
	n.link.Close()
	n.routes.close()
	return nil
}

// receive hands the guest's frames to the stack.
func (n *Network) receive(socket *frameSocket) error {
	// One byte more than a frame may have shows those that have more.
	buf := make([]byte, ethHeader+n.config.MTU+1)
	return socket.receive(buf, func(frame []byte) bool {
		if !n.filter.pass(frame) {
			n.lost.Add(1)
			return n.ctx.Err() == nil
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
		n.link.InjectInbound(0, pkt)
		pkt.DecRef()
		return n.ctx.Err() == nil
	})
}

// transmit sends what the stack has for the guest.
func (n *Network) transmit(ctx context.Context, socket *frameSocket) {
	for {
		pkt := n.link.ReadContext(ctx)
		if pkt == nil {
			return
		}
		err := socket.send(pkt.AsSlices())
		pkt.DecRef()
		if err != nil {
			return
		}
	}
}

// gatewayPort is a port of the gateway.
func gatewayPort(port uint16) netip.AddrPort { return netip.AddrPortFrom(gateway, port) }
