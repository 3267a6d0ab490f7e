package netconf

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/vishvananda/netlink"

	"github.com/hullvm/hull/agent/bootconf"
)

const inside = "HULL_TEST_NETNS"

// ownNetwork runs the test again in a process with a network of its own, and
// reports whether this is that process.
func ownNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("in a network of its own: %v\n%s", err, out)
	}
	return false
}

const guestMAC = "02:00:00:00:00:0a"

// wire makes two ends of a cable, the guest's with guestMAC.
func wire(t *testing.T) (guest, host netlink.Link) {
	t.Helper()
	mac, err := net.ParseMAC(guestMAC)
	if err != nil {
		t.Fatal(err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = "guest", mac
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "host"}); err != nil {
		t.Fatal(err)
	}
	for name, into := range map[string]*netlink.Link{"guest": &guest, "host": &host} {
		if *into, err = netlink.LinkByName(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := netlink.LinkSetUp(host); err != nil {
		t.Fatal(err)
	}
	return guest, host
}

func addresses(t *testing.T, l netlink.Link) string {
	t.Helper()
	list, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, a := range list {
		out = append(out, a.IPNet.String())
	}
	return strings.Join(out, " ")
}

func gateway(t *testing.T) string {
	t.Helper()
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		if r.Gw != nil && (r.Dst == nil || r.Dst.IP.IsUnspecified()) {
			return r.Gw.String()
		}
	}
	return ""
}

func TestAnAddressIsSetAsGiven(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	guest, _ := wire(t)
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	for range 2 { // the second time over the first
		err := NewDevices(Options{Resolv: resolv}).Up(t.Context(), bootconf.Interface{
			MAC: guestMAC, Address: "10.1.2.3/24", Gateway: "10.1.2.1", DNS: []string{"10.1.2.4", "fe80::1", "10.0.0.1", "10.0.0.2"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := addresses(t, guest); got != "10.1.2.3/24" {
		t.Errorf("addresses are %q", got)
	}
	if got := gateway(t); got != "10.1.2.1" {
		t.Errorf("the gateway is %q", got)
	}
	text, err := os.ReadFile(resolv)
	if want := "nameserver 10.1.2.4\nnameserver fe80::1\nnameserver 10.0.0.1\n"; err != nil || string(text) != want {
		t.Errorf("name servers are %q, %v; want %q", text, err, want)
	}
}

// serveDHCP answers every client with the address that next gives.
func serveDHCP(t *testing.T, host netlink.Link, next func(*dhcpv4.DHCPv4) net.IP, options ...dhcpv4.Modifier) {
	t.Helper()
	if err := netlink.AddrAdd(host, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 9, 0, 1), Mask: net.CIDRMask(24, 32)}}); err != nil {
		t.Fatal(err)
	}
	server, err := server4.NewServer("host", nil, func(conn net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
		kind := dhcpv4.MessageTypeOffer
		if m.MessageType() == dhcpv4.MessageTypeRequest {
			kind = dhcpv4.MessageTypeAck
		}
		ip := next(m)
		if ip == nil {
			return
		}
		reply, err := dhcpv4.NewReplyFromRequest(m, append([]dhcpv4.Modifier{
			dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(ip), dhcpv4.WithServerIP(net.IPv4(10, 9, 0, 1)),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 9, 0, 1))),
			dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		}, options...)...)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = conn.WriteTo(reply.ToBytes(), &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ClientPort})
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve() }()
	t.Cleanup(func() { server.Close() })
}

func TestDHCPGivesAddressRouteAndNameServers(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	guest, host := wire(t)
	serveDHCP(t, host, func(*dhcpv4.DHCPv4) net.IP { return net.IPv4(10, 9, 0, 7) },
		dhcpv4.WithRouter(net.IPv4(10, 9, 0, 1)), dhcpv4.WithDNS(net.IPv4(10, 9, 0, 2)), dhcpv4.WithLeaseTime(3600))
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := NewDevices(Options{Resolv: resolv, LeaseTime: time.Minute}).Up(ctx, bootconf.Interface{MAC: guestMAC, Address: bootconf.DHCP})
	if err != nil {
		t.Fatal(err)
	}
	if got := addresses(t, guest); got != "10.9.0.7/24" {
		t.Errorf("addresses are %q", got)
	}
	if got := gateway(t); got != "10.9.0.1" {
		t.Errorf("the gateway is %q", got)
	}
	if text, err := os.ReadFile(resolv); err != nil || string(text) != "nameserver 10.9.0.2\n" {
		t.Errorf("name servers are %q, %v", text, err)
	}
}

func TestALeaseIsRenewed(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	_, host := wire(t)
	requests := make(chan struct{}, 100)
	serveDHCP(t, host, func(m *dhcpv4.DHCPv4) net.IP {
		if m.MessageType() == dhcpv4.MessageTypeRequest {
			requests <- struct{}{}
		}
		return net.IPv4(10, 9, 0, 7)
	}, dhcpv4.WithLeaseTime(1))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := NewDevices(Options{LeaseTime: time.Minute}).Up(ctx, bootconf.Interface{MAC: guestMAC, Address: bootconf.DHCP}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		select {
		case <-requests:
		case <-time.After(time.Minute):
			t.Fatalf("%d requests within a minute, and the lease was for a second", i)
		}
	}
}

func TestAnAddressThatNobodyCanHaveIsRefused(t *testing.T) {
	d := &dhcp{}
	for _, ip := range []net.IP{net.IPv4zero, net.IPv4(127, 0, 0, 1), net.IPv4(224, 0, 0, 1), net.ParseIP("fe80::1")} {
		if s, err := d.settingOf(&dhcpv4.DHCPv4{YourIPAddr: ip}); err == nil {
			t.Errorf("%v became %v", ip, s.address)
		}
	}
}

func TestNoServerIsAnErrorInTime(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	wire(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := NewDevices(Options{LeaseTime: 50 * time.Millisecond}).Up(ctx, bootconf.Interface{MAC: guestMAC, Address: bootconf.DHCP})
	if err == nil || !strings.Contains(err.Error(), "no DHCP server answered") {
		t.Errorf("got %v", err)
	}
}
