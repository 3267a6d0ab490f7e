package netd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/containers/gvisor-tap-vsock/pkg/types"
	"github.com/containers/gvisor-tap-vsock/pkg/virtualnetwork"
	"github.com/sirupsen/logrus"
)

// Addresses of the network.
const (
	Subnet   = "10.0.2.0/24"
	Gateway  = "10.0.2.2"
	Guest    = "10.0.2.15"
	HostLoop = "10.0.2.254" // the host's loopback, where that is allowed

	gatewayMAC = "52:55:0a:00:02:02" // locally administered
)

// DefaultMTU is Ethernet's, in bytes.
const DefaultMTU = 1500

// Config is what a network is made of.
type Config struct {
	MTU      int    // bytes; 0 for DefaultMTU
	GuestMAC string // gets the address Guest by DHCP

	// HostLoopback lets the guest reach what listens on the host's 127.0.0.1.
	HostLoopback bool

	// TCP are listeners whose connections go to ports of the guest; they are the
	// network's.
	TCP []Published

	// UDP are addresses of the host whose datagrams go to ports of the guest.
	UDP map[string]uint16
}

// Published is a listener of the host, and the guest's port that it leads to.
type Published struct {
	Listener net.Listener
	Guest    uint16
}

// Network is a network in user mode.
type Network struct {
	config Config
	inner  *virtualnetwork.VirtualNetwork
}

// New makes a network. It fails where an address of Config.UDP is taken.
func New(c Config) (*Network, error) {
	if c.MTU == 0 {
		c.MTU = DefaultMTU
	}
	settings := &types.Configuration{
		MTU:               c.MTU,
		Subnet:            Subnet,
		GatewayIP:         Gateway,
		GatewayMacAddress: gatewayMAC,
		DHCPStaticLeases:  map[string]string{Guest: c.GuestMAC},
		Forwards:          make(map[string]string),
		Protocol:          types.BessProtocol,
	}
	if c.HostLoopback {
		settings.NAT = map[string]string{HostLoop: "127.0.0.1"}
		settings.GatewayVirtualIPs = []string{HostLoop}
	}
	for host, guest := range c.UDP {
		settings.Forwards["udp:"+host] = fmt.Sprintf("%s:%d", Guest, guest)
	}
	inner, err := virtualnetwork.New(settings)
	if err != nil {
		return nil, fmt.Errorf("user-mode network: %w", err)
	}
	return &Network{config: c, inner: inner}, nil
}

// Serve connects the network with a guest, by a socket that carries one Ethernet
// frame in each message, until the socket's other end is closed or ctx ends.
func (n *Network) Serve(ctx context.Context, socket *os.File) error {
	conn, err := net.FileConn(socket)
	socket.Close()
	if err != nil {
		return fmt.Errorf("user-mode network: socket: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, p := range n.config.TCP {
		f := forward{listener: p.Listener, dial: func(ctx context.Context) (net.Conn, error) {
			return n.inner.DialContextTCP(ctx, fmt.Sprintf("%s:%d", Guest, p.Guest))
		}}
		go f.run(ctx)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err = n.inner.AcceptBess(ctx, endQuietly{conn})
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return nil
	}
	return err
}

// endQuietly is a socket whose end is no error to be logged: the library logs
// each, and this is how a network ends.
type endQuietly struct{ net.Conn }

func (c endQuietly) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.EOF) {
		logrus.SetLevel(logrus.PanicLevel)
	}
	return n, err
}
