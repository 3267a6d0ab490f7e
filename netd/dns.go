package netd

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const dnsPort = 53

// acceptDNS sends a query of the guest to the host's name server.
func (n *Network) acceptDNS(key flowKey, query []byte) {
	if !isQuery(query) {
		return
	}
	now := time.Now()
	server := n.names.ask(now)
	f := n.flows.use(key, now)
	if f == nil || f.server != server {
		if f = n.dialDNS(key, server, now); f == nil {
			return
		}
	}
	f.send(query)
}

// dialDNS begins a flow to a name server, in place of one to another.
func (n *Network) dialDNS(key flowKey, server netip.AddrPort, now time.Time) *flow {
	f, run := n.openUDP(key, server, dnsIdle)
	if f == nil {
		return nil
	}
	f.server = server
	f.answered = func() { n.names.answered(server) }
	n.flows.add(f, now)
	n.work.run(run)
	return f
}

// Times of a TCP connection to the name server.
const (
	dnsTurn     = 10 * time.Second // for a query, and for its answer
	dnsDialTime = 5 * time.Second
)

// openDNS answers queries that come by TCP (RFC 1035, 4.2.2), one after another.
func (n *Network) openDNS(r *tcp.ForwarderRequest, _ netip.AddrPort) {
	guest, err := handshake(r, minBuffer)
	r.Complete(false)
	if err != nil {
		return
	}
	defer guest.finish(n.lingerTime)
	server := n.names.ask(time.Now())
	dialer := net.Dialer{Timeout: dnsDialTime}
	host, err := dialer.DialContext(n.ctx, "tcp", server.String())
	if err != nil {
		abort(guest)
		return
	}
	defer host.Close()
	n.names.answered(server)
	for n.ctx.Err() == nil {
		if err := askTCP(guest, host); err != nil {
			return
		}
	}
}

// errNoQuery says that a message may not go to the name server.
var errNoQuery = errors.New("no query")

// askTCP passes one query on, and the answer back.
func askTCP(guest, host net.Conn) error {
	deadline := time.Now().Add(dnsTurn)
	_ = guest.SetReadDeadline(deadline)
	query, err := readMessage(guest)
	if err != nil {
		return err
	}
	if !isQuery(query[2:]) {
		return errNoQuery
	}
	deadline = time.Now().Add(dnsTurn)
	_ = guest.SetWriteDeadline(deadline)
	_ = host.SetDeadline(deadline)
	if _, err := host.Write(query); err != nil {
		return err
	}
	answer, err := readMessage(host)
	if err != nil {
		return err
	}
	_, err = guest.Write(answer)
	return err
}

// readMessage reads a message together with the length before it.
func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, 2+int(binary.BigEndian.Uint16(length[:])))
	copy(message, length[:])
	_, err := io.ReadFull(r, message[2:])
	return message, err
}
