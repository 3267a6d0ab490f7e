package netd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// acceptPause is for a host that has no descriptors left.
const acceptPause = 100 * time.Millisecond

// acceptTCP serves a connection that the guest opens. It is answered when the
// host has one to go on with: what cannot be reached is refused.
func (n *Network) acceptTCP(r *tcp.ForwarderRequest) {
	id := r.ID()
	to := addrPort(id.LocalAddress, id.LocalPort)
	count, serve := n.opened, n.openTCP
	if to == gatewayPort(dnsPort) {
		count, serve = n.queries, n.openDNS
	}
	if !n.work.begin() {
		r.Complete(false)
		return
	}
	defer n.work.done()
	if !count.take() {
		r.Complete(true)
		return
	}
	defer count.release()
	serve(r, to)
}

// openTCP goes on with a connection on the host.
func (n *Network) openTCP(r *tcp.ForwarderRequest, to netip.AddrPort) {
	target, ok := n.policy.target(to)
	if !ok {
		r.Complete(true)
		return
	}
	c, err := n.dialer.DialContext(n.ctx, "tcp4", target.String())
	if err != nil {
		r.Complete(true)
		return
	}
	host := c.(*net.TCPConn)
	bytes := share(len(n.opened))
	guest, err := handshake(r, bytes)
	r.Complete(false)
	if err != nil {
		abort(host)
		return
	}
	n.serveTCP(guest, host, bytes)
}

// publishTCP takes connections for the guest until the network ends.
func (n *Network) publishTCP(p PublishedTCP) {
	for n.published.wait(n.ctx) {
		c, err := p.Listener.Accept()
		if err != nil {
			n.published.release()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Descriptors are used up, or the client has gone.
			select {
			case <-n.ctx.Done():
			case <-time.After(acceptPause):
			}
			continue
		}
		n.work.run(func() {
			defer n.published.release()
			n.connectTCP(c.(*net.TCPConn), p.Guest)
		})
	}
}

// connectTCP joins a client's connection with the guest's. A guest that does not
// answer has the client see a reset.
func (n *Network) connectTCP(client *net.TCPConn, port uint16) {
	bytes := share(len(n.published))
	ctx, cancel := context.WithTimeout(n.ctx, n.dialTime)
	guest, err := n.dialGuest(ctx, port, bytes)
	cancel()
	if err != nil {
		abort(client)
		return
	}
	n.serveTCP(guest, client, bytes)
}

// serveTCP joins two connections to their ends.
func (n *Network) serveTCP(guest *guestConn, host *net.TCPConn, bytes int) {
	if bytes < maxBuffer {
		// The kernel's buffers grow beyond this by themselves. Errors leave them be.
		_ = host.SetReadBuffer(bytes)
		_ = host.SetWriteBuffer(bytes)
	}
	join(n.ctx, guest, host, copySize(bytes))
	host.Close()
	guest.finish(n.lingerTime)
}
