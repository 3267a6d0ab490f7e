package netd

import (
	"context"
	"errors"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Probes find out that a guest was reset, and has forgotten a connection.
const (
	probeAfter = 2 * time.Minute
	probeEvery = 15 * time.Second
	probes     = 4
)

// guestConn is the stack's end of a TCP connection with the guest.
type guestConn struct {
	*gonet.TCPConn
	ep *tcp.Endpoint
}

func newGuestConn(wq *waiter.Queue, ep tcpip.Endpoint) *guestConn {
	ep.SocketOptions().SetKeepAlive(true)
	idle, interval := tcpip.KeepaliveIdleOption(probeAfter), tcpip.KeepaliveIntervalOption(probeEvery)
	// They cannot fail: values in range, and an endpoint of TCP.
	_ = ep.SetSockOpt(&idle)
	_ = ep.SetSockOpt(&interval)
	_ = ep.SetSockOptInt(tcpip.KeepaliveCountOption, probes)
	return &guestConn{TCPConn: gonet.NewTCPConn(wq, ep), ep: ep.(*tcp.Endpoint)}
}

// size sets how much the stack keeps of a connection in each direction, in bytes.
func size(ep tcpip.Endpoint, bytes int) {
	ep.SocketOptions().SetReceiveBufferSize(int64(bytes), true)
	ep.SocketOptions().SetSendBufferSize(int64(bytes), true)
}

// finish closes the connection and returns when the stack has forgotten it: the
// guest has so long to take what was sent, and to close its side.
func (c *guestConn) finish(linger time.Duration) {
	c.Close()
	timer := time.AfterFunc(linger, c.abort)
	defer timer.Stop()
	c.ep.Wait()
}

// abort resets the connection.
func (c *guestConn) abort() { c.ep.Abort() }

// handshake answers the guest's request for a connection.
func handshake(r *tcp.ForwarderRequest, bytes int) (*guestConn, error) {
	wq := new(waiter.Queue)
	ep, terr := r.CreateEndpoint(wq)
	if terr != nil {
		return nil, errors.New(terr.String())
	}
	size(ep, bytes)
	return newGuestConn(wq, ep), nil
}

// dialGuest connects to a port of the guest.
func (n *Network) dialGuest(ctx context.Context, port uint16, bytes int) (*guestConn, error) {
	wq := new(waiter.Queue)
	ep, terr := n.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, wq)
	if terr != nil {
		return nil, errors.New(terr.String())
	}
	size(ep, bytes)
	entry, ready := waiter.NewChannelEntry(waiter.WritableEvents | waiter.EventErr | waiter.EventHUp)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	terr = ep.Connect(tcpip.FullAddress{NIC: nic, Addr: address(guest), Port: port})
	if _, started := terr.(*tcpip.ErrConnectStarted); started {
		select {
		case <-ctx.Done():
			ep.Close()
			return nil, context.Cause(ctx)
		case <-ready:
		}
		terr = ep.LastError()
	}
	if terr != nil {
		ep.Close()
		return nil, errors.New(terr.String())
	}
	return newGuestConn(wq, ep), nil
}
