package netd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/hullvm/hull/netd/netdtest"
)

// dhcp is a client: it sends messages and takes what the network answers.
type dhcp struct {
	n       network
	answers chan *dhcpv4.DHCPv4
	to      chan netip.Addr
}

func newDHCP(t *testing.T, n network) dhcp {
	d := dhcp{n, make(chan *dhcpv4.DHCPv4, 10), make(chan netip.Addr, 10)}
	n.guest.See(func(frame []byte) {
		const udpDst, udpData = ipHeader + 2, ipHeader + 8
		if len(frame) < udpData || frame[ipProtocol] != protocolUDP || frame[udpDst] != 0 || frame[udpDst+1] != dhcpClientPort {
			return
		}
		m, err := dhcpv4.FromBytes(frame[udpData:])
		if err != nil {
			t.Errorf("an answer that is not in order: %v", err)
			return
		}
		d.to <- netip.AddrFrom4([4]byte(frame[ipDst:]))
		d.answers <- m
	})
	return d
}

func (d dhcp) send(from netip.Addr, to netip.Addr, m *dhcpv4.DHCPv4) {
	d.n.guest.Send(netdtest.UDP(netip.AddrPortFrom(from, dhcpClientPort), netip.AddrPortFrom(to, dhcpServerPort), m.ToBytes()))
}

// ask sends a message and returns the answer, and the address that it came to; or
// nil where there is none.
func (d dhcp) ask(t *testing.T, from, to netip.Addr, m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, netip.Addr) {
	t.Helper()
	d.send(from, to, m)
	// A message that is answered says that what was sent before it was not.
	last, err := dhcpv4.NewDiscovery(mac(t), dhcpv4.WithTransactionID(dhcpv4.TransactionID{9, 9, 9, 9}))
	check(t, err)
	d.send(netip.IPv4Unspecified(), everyone, last)
	var found *dhcpv4.DHCPv4
	var at netip.Addr
	for {
		select {
		case a := <-d.answers:
			if a.TransactionID == last.TransactionID {
				<-d.to
				return found, at
			}
			found, at = a, <-d.to
		case <-time.After(patience):
			t.Fatal("no answer")
		}
	}
}

func mac(t *testing.T) net.HardwareAddr {
	t.Helper()
	m, err := net.ParseMAC(netdtest.MAC)
	check(t, err)
	return m
}

func TestTheGuestGetsItsAddress(t *testing.T) {
	d := newDHCP(t, start(t, Config{MTU: 9000}))
	discover, err := dhcpv4.NewDiscovery(mac(t))
	check(t, err)
	offer, to := d.ask(t, netip.IPv4Unspecified(), everyone, discover)
	if offer == nil || offer.MessageType() != dhcpv4.MessageTypeOffer || to != everyone {
		t.Fatalf("answer to a discovery: %v", offer)
	}
	request, err := dhcpv4.NewRequestFromOffer(offer)
	check(t, err)
	ack, to := d.ask(t, netip.IPv4Unspecified(), everyone, request)
	if ack == nil || ack.MessageType() != dhcpv4.MessageTypeAck || to != everyone {
		t.Fatalf("answer to a request: %v", ack)
	}
	mtu, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, ack.Options)
	if !ack.YourIPAddr.Equal(guest.AsSlice()) || !ack.Router()[0].Equal(gateway.AsSlice()) || !ack.DNS()[0].Equal(gateway.AsSlice()) ||
		ack.SubnetMask().String() != "ffffff00" || ack.IPAddressLeaseTime(0) != leaseTime || mtu != 9000 || err != nil {
		t.Errorf("got %v", ack.Summary())
	}
	// The lease goes on, by the address itself.
	renew, err := dhcpv4.NewRenewFromAck(ack)
	check(t, err)
	again, to := d.ask(t, guest, gateway, renew)
	if again == nil || again.MessageType() != dhcpv4.MessageTypeAck || to != guest {
		t.Errorf("answer to a renewal, to %v: %v", to, again)
	}
}

func TestWhatDHCPDoesNotGive(t *testing.T) {
	d := newDHCP(t, start(t, Config{}))
	for _, c := range []struct {
		name string
		want dhcpv4.MessageType
		with []dhcpv4.Modifier
	}{
		{"another address", dhcpv4.MessageTypeNak, []dhcpv4.Modifier{
			dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.IPv4(10, 0, 2, 99))),
		}},
		{"no address", dhcpv4.MessageTypeNak, []dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest)}},
		{"settings alone", dhcpv4.MessageTypeAck, []dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeInform)}},
		{"another server's offer", dhcpv4.MessageTypeNone, []dhcpv4.Modifier{
			dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 2, 9))),
		}},
		{"release", dhcpv4.MessageTypeNone, []dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeRelease)}},
		{"no type", dhcpv4.MessageTypeNone, nil},
		{"an answer", dhcpv4.MessageTypeNone, []dhcpv4.Modifier{
			dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootReply },
		}},
		{"another client", dhcpv4.MessageTypeNone, []dhcpv4.Modifier{
			dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 1}),
		}},
		{"a client without an address", dhcpv4.MessageTypeNone, []dhcpv4.Modifier{
			dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover), func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = nil },
		}},
	} {
		m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(mac(t))}, c.with...)...)
		check(t, err)
		got, _ := d.ask(t, netip.IPv4Unspecified(), everyone, m)
		switch {
		case got == nil:
			if c.want != dhcpv4.MessageTypeNone {
				t.Errorf("%s: no answer", c.name)
			}
		case got.MessageType() != c.want:
			t.Errorf("%s: %v, want %v", c.name, got.MessageType(), c.want)
		case c.want == dhcpv4.MessageTypeNak && (!got.YourIPAddr.IsUnspecified() || got.Router() != nil):
			t.Errorf("%s: %v", c.name, got.Summary())
		case c.want == dhcpv4.MessageTypeAck && (!got.YourIPAddr.IsUnspecified() || got.IPAddressLeaseTime(0) != 0):
			t.Errorf("%s: %v", c.name, got.Summary())
		}
	}
}
