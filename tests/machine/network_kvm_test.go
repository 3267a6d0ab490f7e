package machine

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/hullvm/hull/agent"
	"github.com/hullvm/hull/internal/guesttest"
	"github.com/hullvm/hull/internal/netnstest"
)

// Addresses of the test's network namespace: of a bridge for each tap, and of
// the host beside.
const (
	plainBridge = "10.71.1.1"
	vhostBridge = "10.71.2.1"
	elsewhere   = "198.51.100.1"
	echoTCP     = 7
	perfPort    = 5201
)

// TestNetworks boots a machine with a network in user mode, a tap, and a tap of
// two queue pairs that the kernel's vhost serves. All of the host's side is in a
// network namespace, where only this goroutine is: so there are no subtests.
func TestNetworks(t *testing.T) { networks(t, boot) }

// TestNetworksOfAJailedMachine does the same with a machine in a jailed process.
func TestNetworksOfAJailedMachine(t *testing.T) { networks(t, bootJailed) }

func networks(t *testing.T, boot func(testing.TB, string) *machine) {
	guesttest.RequireKVM(t)
	image := overlay(t)
	netnstest.Enter(t)
	for _, l := range []struct{ name, address string }{{"lo", "127.0.0.1"}, {"aside", elsewhere}, {"plain", plainBridge}, {"fast", vhostBridge}} {
		addLink(t, l.name, l.address)
	}
	for name, address := range map[string]string{"plain": plainBridge, "fast": vhostBridge} {
		serveDHCP(t, name, address)
	}
	l := listen(t, elsewhere)
	socket := filepath.Join(t.TempDir(), "vsock")
	m := boot(t, describe("512MiB", fmt.Sprintf(`
[[disk]]
name = "root"
path = %q
format = "qcow2"
backing = [%q]
mount = "/"
[[net]]
name = "user"
publish = ["0:%d"]
host_loopback = true
[[net]]
name = "plain"
type = "tap"
tap = "tap-plain"
bridge = "plain"
vhost = "off"
[[net]]
name = "fast"
type = "tap"
tap = "tap-fast"
bridge = "fast"
vhost = "on"
queues = 2
[vsock]
path = %q
`, image, rootImage(t), echoTCP, socket)))

	useUserNetwork(m, l)
	for _, on := range []struct{ device, bridge, address string }{
		{"eth1", plainBridge, "10.71.1.50"},
		{"eth2", vhostBridge, "10.71.2.50"},
	} {
		useTap(m, on.device, on.bridge, on.address)
	}
	readLog(m)
	m.powerOff()
	m.close()
	m.quiet()
}

func useUserNetwork(m *machine, host net.Listener) {
	t := m.t
	if addresses := m.run(guestside, "addresses"); !strings.Contains(addresses, "eth0 10.0.2.15/24") {
		t.Errorf("the guest's addresses:\n%s", addresses)
	}
	if servers := m.sh("cat /etc/resolv.conf"); !strings.Contains(servers, "nameserver 10.0.2.2") {
		t.Errorf("the guest's name servers: %q", servers)
	}
	// The guest calls a server of the host, and by the published port the other
	// way.
	m.run(guestside, "call", "tcp", host.Addr().String(), "20", "200000")
	p := m.begin(agent.Command{Args: []string{guestside, "echo", "tcp", fmt.Sprint(echoTCP)}})
	p.says("listening")
	conns := make(chan net.Conn, 20)
	for range cap(conns) { // by this goroutine, which is in the namespace
		c, err := net.Dial("tcp", published(m))
		if err != nil {
			t.Fatal(err)
		}
		conns <- c
	}
	if err := exchange(cap(conns), 200000, func() (net.Conn, error) { return <-conns, nil }); err != nil {
		t.Error(err)
	}
	p.kill()
	perf(m, elsewhere)
}

// published is the host's address for the guest's first published port.
func published(m *machine) string {
	if len(m.opened.Published) == 0 {
		m.t.Fatal("no port is published")
	}
	for _, word := range strings.Fields(m.opened.Published[0]) {
		if strings.HasPrefix(word, "127.0.0.1:") {
			return word
		}
	}
	m.t.Fatalf("no address in %q", m.opened.Published[0])
	return ""
}

func useTap(m *machine, device, bridge, address string) {
	t := m.t
	if addresses := m.run(guestside, "addresses"); !strings.Contains(addresses, device+" "+address+"/24") {
		t.Errorf("the guest's addresses:\n%s", addresses)
	}
	p := m.begin(agent.Command{Args: []string{guestside, "echo", "tcp", fmt.Sprint(echoTCP)}})
	p.says("listening")
	c, err := net.Dial("tcp", net.JoinHostPort(address, fmt.Sprint(echoTCP)))
	if err != nil {
		t.Fatalf("%s: %v", device, err)
	}
	if err := talk(c, 9, 4<<20); err != nil {
		t.Errorf("%s: %v", device, err)
	}
	_ = c.Close()
	p.kill()
	perf(m, bridge)
}

// perf has iperf3 send in both directions for a server at an address of the host.
func perf(m *machine, address string) {
	m.t.Helper()
	server := exec.Command("iperf3", "-s", "--forceflush", "-B", address, "-p", fmt.Sprint(perfPort))
	var out transcript
	server.Stdout, server.Stderr = &out, &out
	// Started by this goroutine, it is in its network namespace.
	if err := server.Start(); err != nil {
		m.t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	for {
		news := out.news()
		if strings.Contains(out.String(), "Server listening") {
			break
		}
		<-news
	}
	for _, direction := range [][]string{nil, {"-R"}, {"-P", "4"}} {
		args := append([]string{"iperf3", "-c", address, "-p", fmt.Sprint(perfPort), "-n", "8M"}, direction...)
		p := m.begin(agent.Command{Args: args})
		if said := p.succeed(); !strings.Contains(said, "iperf Done") {
			m.t.Errorf("%s\n%s%s\n%s", p.name, said, p.stderr.tail(), out.tail())
		}
	}
}

// addLink sets a link of the namespace up: a bridge, where there is none.
func addLink(t *testing.T, name, address string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		link = &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}
		if err := netlink.LinkAdd(link); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	ip := net.ParseIP(address)
	bits := 24
	if ip.IsLoopback() {
		bits = 8
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	err = netlink.AddrReplace(link, &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(bits, 32)}})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// listen is an echo of the host.
func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
	return l
}
