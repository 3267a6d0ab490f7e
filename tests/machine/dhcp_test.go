package machine

import (
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
)

// serveDHCP gives whoever asks on a link the address .50 of its network. It must
// be called in the link's network namespace.
func serveDHCP(t *testing.T, link, address string) {
	t.Helper()
	own := net.ParseIP(address).To4()
	offer := net.IPv4(own[0], own[1], own[2], 50)
	server, err := server4.NewServer(link, &net.UDPAddr{IP: net.IPv4zero, Port: dhcpv4.ServerPort}, func(conn net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
		answer := dhcpv4.MessageTypeOffer
		if m.MessageType() == dhcpv4.MessageTypeRequest {
			answer = dhcpv4.MessageTypeAck
		}
		reply, err := dhcpv4.NewReplyFromRequest(m,
			dhcpv4.WithMessageType(answer), dhcpv4.WithYourIP(offer), dhcpv4.WithServerIP(own),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(own)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
			dhcpv4.WithLeaseTime(uint32(time.Hour/time.Second)))
		if err != nil {
			return // it asks again
		}
		// The client has no address yet.
		_, _ = conn.WriteTo(reply.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ClientPort})
	})
	if err != nil {
		t.Fatalf("DHCP server on %s: %v", link, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve() // until Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}
