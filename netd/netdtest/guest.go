package netdtest

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// MAC is the guest's address.
const MAC = "52:54:00:12:34:56"

// Gateway is the MAC address that guests find at 10.0.2.2.
var Gateway = [6]byte{0x52, 0x55, 10, 0, 2, 2}

const nic = 1

// Guest is a guest: a TCP/IP of its own on the device's end of a socket.
type Guest struct {
	Stack *stack.Stack

	tb     testing.TB
	socket *os.File
	link   *channel.Endpoint
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu  sync.Mutex
	see func(frame []byte)
}

// Sockets are two ends of a socket such as spawn.Start makes.
func Sockets(tb testing.TB) (device, network *os.File) {
	tb.Helper()
	device, network, err := Pair()
	if err != nil {
		tb.Fatal(err)
	}
	return device, network
}

// Pair is Sockets where there is no test.
func Pair() (device, network *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, fd := range fds {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	}
	return os.NewFile(uintptr(fds[0]), "network"), os.NewFile(uintptr(fds[1]), "device"), nil
}

// NewGuest makes a guest on a socket, which is the guest's then. It has no
// address.
func NewGuest(tb testing.TB, socket *os.File, mtu int) *Guest {
	tb.Helper()
	mac, err := net.ParseMAC(MAC)
	if err != nil {
		tb.Fatal(err)
	}
	g := &Guest{tb: tb, socket: socket, link: channel.New(4096, uint32(mtu)+14, tcpip.LinkAddress(mac))}
	g.Stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4},
	})
	sack, recovery := tcpip.TCPSACKEnabled(true), tcpip.TCPRecovery(0)
	for _, o := range []tcpip.SettableTransportProtocolOption{&sack, &recovery} {
		if err := g.Stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			tb.Fatal(err)
		}
	}
	if err := g.Stack.CreateNIC(nic, ethernet.New(g.link)); err != nil {
		tb.Fatal(err)
	}
	g.Stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, Gateway: tcpip.AddrFrom4([4]byte{10, 0, 2, 2}), NIC: nic}})
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	g.work.Go(g.receive)
	g.work.Go(func() { g.transmit(ctx) })
	tb.Cleanup(g.Close)
	return g
}

// Close takes the guest away.
func (g *Guest) Close() {
	g.cancel()
	g.socket.Close()
	g.Stack.Destroy()
	g.link.Close()
	g.work.Wait()
}

// SetAddress gives the guest an address of the network.
func (g *Guest) SetAddress(a netip.Addr) {
	g.tb.Helper()
	err := g.Stack.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(a.As4()), PrefixLen: 24},
	}, stack.AddressProperties{})
	if err != nil {
		g.tb.Fatal(err)
	}
}

// See has f called with each frame for the guest, before the guest sees it.
func (g *Guest) See(f func(frame []byte)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.see = f
}

func (g *Guest) receive() {
	buf := make([]byte, 1<<17)
	for {
		n, err := g.socket.Read(buf)
		if err != nil {
			return
		}
		g.mu.Lock()
		see := g.see
		g.mu.Unlock()
		if see != nil {
			see(buf[:n])
		}
		pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(buf[:n])})
		g.link.InjectInbound(0, pkt)
		pkt.DecRef()
	}
}

func (g *Guest) transmit(ctx context.Context) {
	for {
		pkt := g.link.ReadContext(ctx)
		if pkt == nil {
			return
		}
		g.Send(pkt.ToView().AsSlice())
		pkt.DecRef()
	}
}

// Send sends a frame.
func (g *Guest) Send(frame []byte) { _, _ = g.socket.Write(frame) }

// DialTCP opens a connection.
func (g *Guest) DialTCP(ctx context.Context, to netip.AddrPort) (*gonet.TCPConn, error) {
	return gonet.DialContextTCP(ctx, g.Stack, full(to), ipv4.ProtocolNumber)
}

// DialUDP makes a socket that sends to one address.
func (g *Guest) DialUDP(to netip.AddrPort) (*gonet.UDPConn, error) {
	at := full(to)
	return gonet.DialUDP(g.Stack, nil, &at, ipv4.ProtocolNumber)
}

// ListenTCP listens at a port.
func (g *Guest) ListenTCP(port uint16) net.Listener {
	g.tb.Helper()
	wq := new(waiter.Queue)
	ep, err := g.Stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, wq)
	if err == nil {
		err = ep.Bind(tcpip.FullAddress{NIC: nic, Port: port})
	}
	if err == nil {
		err = ep.Listen(4096)
	}
	if err != nil {
		g.tb.Fatal(err)
	}
	l := gonet.NewTCPListener(g.Stack, wq, ep)
	g.tb.Cleanup(func() { l.Close() })
	return l
}

// ListenUDP takes datagrams at a port.
func (g *Guest) ListenUDP(port uint16) net.PacketConn {
	g.tb.Helper()
	c, err := gonet.DialUDP(g.Stack, &tcpip.FullAddress{NIC: nic, Port: port}, nil, ipv4.ProtocolNumber)
	if err != nil {
		g.tb.Fatal(err)
	}
	g.tb.Cleanup(func() { c.Close() })
	return c
}

func full(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(a.Addr().As4()), Port: a.Port()}
}
