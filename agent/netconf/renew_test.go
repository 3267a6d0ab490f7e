package netconf

import (
	"context"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/agent/bootconf"
)

const cloneMAC = "02:00:00:00:00:0b"

// listenARP hears what ARP comes to a device, as hexadecimal digits.
func listenARP(t *testing.T, l netlink.Link) (next func(within time.Duration) string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ARP), Ifindex: l.Attrs().Index}); err != nil {
		t.Fatal(err)
	}
	return func(within time.Duration) string {
		t.Helper()
		tv := unix.NsecToTimeval(within.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1500)
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil {
			t.Fatalf("no ARP within %v: %v", within, err)
		}
		return hex.EncodeToString(b[:n])
	}
}

func reload(t *testing.T, l netlink.Link) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByIndex(l.Attrs().Index)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func neighbours(t *testing.T, l netlink.Link) int {
	t.Helper()
	list, err := netlink.NeighList(l.Attrs().Index, netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if e.State&(netlink.NUD_REACHABLE|netlink.NUD_STALE|netlink.NUD_PERMANENT) != 0 && !e.IP.IsMulticast() {
			n++
		}
	}
	return n
}

func TestARenewedDeviceHasNothingOfTheOldOne(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	guest, host := wire(t)
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	d := NewDevices(Options{Resolv: resolv, Remark: func(s string) { t.Error(s) }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := d.Up(ctx, bootconf.Interface{MAC: guestMAC, Address: "10.1.2.3/24", Gateway: "10.1.2.1"}); err != nil {
		t.Fatal(err)
	}
	peer, _ := net.ParseMAC("02:00:00:00:00:99")
	for _, more := range []string{"10.1.2.9/24", "10.200.0.1/16"} {
		ip, _ := netlink.ParseIPNet(more)
		if err := netlink.AddrAdd(guest, &netlink.Addr{IPNet: ip}); err != nil {
			t.Fatal(err)
		}
	}
	for ip, state := range map[string]int{"10.1.2.1": netlink.NUD_REACHABLE, "10.1.2.2": netlink.NUD_PERMANENT} {
		err := netlink.NeighAdd(&netlink.Neigh{LinkIndex: guest.Attrs().Index, IP: net.ParseIP(ip), HardwareAddr: peer, State: state})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := neighbours(t, guest); n != 2 {
		t.Fatalf("%d neighbours were added, not 2", n)
	}
	heard := listenARP(t, host)
	renewal := Renewal{Device: guestMAC, Interface: bootconf.Interface{
		MAC: cloneMAC, Address: "10.5.0.7/24", Gateway: "10.5.0.1", DNS: []string{"10.5.0.2"},
	}}
	for range 2 { // the second time as after a failure: the old MAC address is gone
		if errs := d.Renew(ctx, []Renewal{renewal}); len(errs) != 1 || errs[0] != nil {
			t.Fatal(errs)
		}
		if got := reload(t, guest).Attrs().HardwareAddr.String(); got != cloneMAC {
			t.Errorf("the MAC address is %s", got)
		}
		if got := addresses(t, guest); got != "10.5.0.7/24" {
			t.Errorf("addresses are %q", got)
		}
		if got := gateway(t); got != "10.5.0.1" {
			t.Errorf("the gateway is %q", got)
		}
		if n := neighbours(t, guest); n != 0 {
			t.Errorf("%d neighbours are left", n)
		}
		const want = "0001" + "0800" + "06" + "04" + "0001" + "02000000000b" + "0a050007" + "000000000000" + "0a050007"
		if got := heard(time.Minute); !strings.HasPrefix(got, want) {
			t.Errorf("the network heard %s, want %s", got, want)
		}
	}
	if text, err := os.ReadFile(resolv); err != nil || string(text) != "nameserver 10.5.0.2\n" {
		t.Errorf("name servers are %q, %v", text, err)
	}
	begin := time.Now()
	heard(time.Minute)
	if waited := time.Since(begin); waited < announceInterval/2 {
		t.Errorf("the second announcement came after %v", waited)
	}
}

func TestARenewedDeviceAsksAnewForAnAddress(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	guest, host := wire(t)
	var mu sync.Mutex
	asked := map[string]int{}
	serveDHCP(t, host, func(m *dhcpv4.DHCPv4) net.IP {
		mu.Lock()
		defer mu.Unlock()
		asked[m.ClientHWAddr.String()]++
		if m.ClientHWAddr.String() == cloneMAC {
			return net.IPv4(10, 9, 0, 8)
		}
		return net.IPv4(10, 9, 0, 7)
	}, dhcpv4.WithRouter(net.IPv4(10, 9, 0, 1)), dhcpv4.WithLeaseTime(3600))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := NewDevices(Options{LeaseTime: time.Minute, Remark: func(s string) { t.Error(s) }})
	if err := d.Up(ctx, bootconf.Interface{MAC: guestMAC, Address: bootconf.DHCP}); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	first := d.keepers[guest.Attrs().Index]
	d.mu.Unlock()
	mu.Lock()
	before := asked[guestMAC]
	mu.Unlock()
	errs := d.Renew(ctx, []Renewal{{Device: "guest", Interface: bootconf.Interface{MAC: cloneMAC, Address: bootconf.DHCP}}})
	if errs[0] != nil {
		t.Fatal(errs)
	}
	if got := addresses(t, guest); got != "10.9.0.8/24" {
		t.Errorf("addresses are %q", got)
	}
	if got := gateway(t); got != "10.9.0.1" {
		t.Errorf("the gateway is %q", got)
	}
	first.tasks.Wait() // or the old lease is still kept
	mu.Lock()
	defer mu.Unlock()
	if asked[guestMAC] != before || asked[cloneMAC] < 2 { // a discover, and a request
		t.Errorf("the server was asked %v times, %d of them before", asked, before)
	}
}

func TestDevicesExchangeTheirAddresses(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	guest, host := wire(t)
	d := NewDevices(Options{})
	other := host.Attrs().HardwareAddr.String()
	errs := d.Renew(t.Context(), []Renewal{
		{guestMAC, bootconf.Interface{MAC: other, Address: "10.0.0.1/24"}},
		{other, bootconf.Interface{MAC: guestMAC, Address: "10.0.1.1/24"}},
		{"none", bootconf.Interface{MAC: cloneMAC, Address: "10.0.2.1/24"}},
	})
	if errs[0] != nil || errs[1] != nil || errs[2] == nil || errs[2].Error() != "network device none: not there" {
		t.Errorf("got %v", errs)
	}
	if got := addresses(t, guest); got != "10.0.0.1/24" {
		t.Errorf("the first has %q", got)
	}
	if a, b := reload(t, guest).Attrs().HardwareAddr.String(), reload(t, host).Attrs().HardwareAddr.String(); a != other || b != guestMAC {
		t.Errorf("the first is %s now, the second %s", a, b)
	}
}

func TestADeviceThatCannotBeChangedStaysDown(t *testing.T) {
	if !ownNetwork(t) {
		return
	}
	guest, _ := wire(t)
	if err := netlink.LinkSetUp(guest); err != nil {
		t.Fatal(err)
	}
	errs := NewDevices(Options{}).Renew(t.Context(), []Renewal{
		{guestMAC, bootconf.Interface{MAC: "01:00:00:00:00:0b", Address: "10.0.0.1/24"}}, // a group's
	})
	if errs[0] == nil || !strings.Contains(errs[0].Error(), "guest: MAC address 01:00:00:00:00:0b: ") {
		t.Errorf("got %v", errs)
	}
	if a := reload(t, guest).Attrs(); a.Flags&net.FlagUp != 0 || a.HardwareAddr.String() != guestMAC {
		t.Errorf("it is %v with %v", a.Flags, a.HardwareAddr)
	}
}
