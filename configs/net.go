package configs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Net is a network device of the guest.
type Net struct {
	// Name is what messages call the device: 1 to 15 of `a-z A-Z 0-9 . _ -`, the
	// first a letter or digit. It has to be given.
	Name string `toml:"name"`

	// Type is where the device leads: to a network of the machine's own, in user
	// mode, which reaches what the host reaches and needs no privilege (`user`);
	// or to a tap device of the host (`tap`).
	Type NetType `toml:"type"`

	// Tap is the tap device, made where it is missing. Type `tap` has to have it.
	Tap string `toml:"tap"`

	// Bridge is the host's bridge that the tap is put on. Without it the tap is
	// left as it is.
	Bridge string `toml:"bridge"`

	// MAC is the device's address, as in `52:54:00:12:34:56`. Without it, one is
	// made of the machine's and the device's names, the same at each start.
	MAC string `toml:"mac"`

	// MTU is the largest packet in bytes, 68 to 65535. 0 stands for the host's
	// choice, 1500.
	MTU int `toml:"mtu"`

	// Queues is the number of queue pairs, 1 to 16; several are for `tap`. 0
	// stands for one.
	Queues int `toml:"queues"`

	// Vhost has the host's kernel move the packets of a tap: where it can
	// (`auto`), or it has to (`on`), or not (`off`).
	Vhost Vhost `toml:"vhost"`

	// Address is how the agent sets the device up in the guest: by DHCP (`dhcp`),
	// with an address and prefix such as `10.0.0.2/24`, or not at all (`none`).
	Address string `toml:"address"`

	// Gateway is the default route's next hop, beside an address.
	Gateway string `toml:"gateway"`

	// DNS is the name servers, beside an address.
	DNS []string `toml:"dns"`

	// Publish opens ports of the host that lead to ports of the guest, for type
	// `user`: `8080:80`, `127.0.0.1:8080:80` or `5353:53/udp`. The host's address
	// is 127.0.0.1 unless given; port 0 of the host is any free one.
	Publish []string `toml:"publish"`

	// HostLoopback lets the guest of a network of type `user` reach what listens on
	// the host's own 127.0.0.1, at 10.0.2.254.
	HostLoopback bool `toml:"host_loopback"`

	// ReceivePerSecond limits what the guest receives, in bytes a second. 0 is no
	// limit.
	ReceivePerSecond Size `toml:"receive_per_second"`

	// TransmitPerSecond limits what the guest sends, in bytes a second. 0 is no
	// limit.
	TransmitPerSecond Size `toml:"transmit_per_second"`
}

// NetType is where a network device leads.
type NetType string

// The types there are.
const (
	NetUser NetType = "user"
	NetTap  NetType = "tap"
)

// Vhost is whether the host's kernel moves packets.
type Vhost string

// The choices there are.
const (
	VhostAuto Vhost = "auto"
	VhostOn   Vhost = "on"
	VhostOff  Vhost = "off"
)

// Values of Net.Address with a meaning of their own.
const (
	AddressDHCP = "dhcp"
	AddressNone = "none"
)

var (
	netTypeWords = []string{string(NetUser), string(NetTap)}
	vhostWords   = []string{string(VhostAuto), string(VhostOn), string(VhostOff)}
)

// UnmarshalText takes one of the types' words.
func (t *NetType) UnmarshalText(text []byte) error { return parseWord(t, text, netTypeWords) }

// UnmarshalText takes one of the choices' words.
func (v *Vhost) UnmarshalText(text []byte) error { return parseWord(v, text, vhostWords) }

func (n *Net) complete() {
	if n.Type == "" {
		n.Type = NetUser
	}
	if n.Queues == 0 {
		n.Queues = 1
	}
	if n.Vhost == "" {
		n.Vhost = VhostAuto
	}
	if n.Address == "" {
		n.Address = AddressDHCP
	}
}

// HardwareAddr is the device's MAC address, given or made of names, in a machine
// that passed Validate. A made one is locally administered (IEEE 802, 8.2).
func (n *Net) HardwareAddr(machine string) [6]byte {
	var mac [6]byte
	if parsed, err := net.ParseMAC(n.MAC); err == nil && len(parsed) == len(mac) {
		return [6]byte(parsed)
	}
	return macFrom(machine + "\x00" + n.Name)
}

// Publish is a port of the host that leads to one of the guest.
type Publish struct {
	Protocol string // tcp or udp
	Host     netip.AddrPort
	Guest    uint16
}

// ParsePublish reads [ADDRESS:]PORT:PORT[/PROTOCOL].
func ParsePublish(s string) (Publish, error) {
	wrong := fmt.Errorf("must be [ADDRESS:]HOSTPORT:GUESTPORT[/tcp or /udp]")
	rest, protocol, found := strings.Cut(s, "/")
	if !found {
		protocol = "tcp"
	}
	if protocol != "tcp" && protocol != "udp" {
		return Publish{}, wrong
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return Publish{}, wrong
	}
	guest, err := strconv.ParseUint(rest[i+1:], 10, 16)
	if err != nil || guest == 0 {
		return Publish{}, wrong
	}
	host := rest[:i]
	if !strings.Contains(host, ":") {
		host = "127.0.0.1:" + host
	}
	at, err := netip.ParseAddrPort(host)
	if err != nil {
		return Publish{}, wrong
	}
	return Publish{Protocol: protocol, Host: at, Guest: uint16(guest)}, nil
}

func (p Publish) String() string { return fmt.Sprintf("%v:%d/%s", p.Host, p.Guest, p.Protocol) }

func (m *Machine) checkNets(r *report) {
	if len(m.Nets) > maxNets && r.ok("net") {
		r.add("net", nil, fmt.Sprintf("must be at most %d, and are %d", maxNets, len(m.Nets)), "attach fewer")
		return
	}
	names, macs, ports := make(map[string]int), make(map[string]int), make(map[string]string)
	for i, n := range m.Nets {
		at := index("net", i)
		n.check(at, r)
		checkUnique(names, at+".name", n.Name, "net", i, r)
		if n.MAC != "" {
			checkUnique(macs, at+".mac", strings.ToLower(n.MAC), "net", i, r)
		}
		for j, s := range n.Publish {
			p, err := ParsePublish(s)
			if err != nil || p.Host.Port() == 0 {
				continue
			}
			key, where := p.Protocol+p.Host.String(), index(at+".publish", j)
			if first, twice := ports[key]; twice {
				r.add(where, s, "opens the same port as "+first, "take another port")
				continue
			}
			ports[key] = where
		}
	}
}

func (n *Net) check(at string, r *report) {
	checkDeviceName(at+".name", n.Name, maxInterface, r)
	word(at+".type", n.Type, netTypeWords, r)
	word(at+".vhost", n.Vhost, vhostWords, r)
	inRange(at+".queues", n.Queues, 1, maxQueues, r)
	if n.MTU != 0 {
		inRange(at+".mtu", n.MTU, 68, 65535, r)
	}
	if n.MAC != "" && r.ok(at+".mac") {
		mac, err := net.ParseMAC(n.MAC)
		if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
			r.add(at+".mac", n.MAC, "must be six bytes in hex with colons, the first one even", `write it as in "52:54:00:12:34:56"`)
		}
	}
	n.checkType(at, r)
	n.checkAddress(at, r)
	for j, s := range n.Publish {
		if where := index(at+".publish", j); r.ok(where) {
			if _, err := ParsePublish(s); err != nil {
				r.add(where, s, err.Error(), `write it as in "8080:80"`)
			}
		}
	}
}

// checkType notes keys that belong to another type.
func (n *Net) checkType(at string, r *report) {
	if !r.ok(at + ".type") {
		return
	}
	if n.Type == NetTap {
		if r.ok(at+".tap") && !isName(n.Tap, maxInterface, "._-") {
			r.add(at+".tap", n.Tap, fmt.Sprintf("must be given where type is \"tap\": 1 to %d of a-z A-Z 0-9 . _ -", maxInterface), "name a tap device")
		}
		if n.Bridge != "" && r.ok(at+".bridge") && !isName(n.Bridge, maxInterface, "._-") {
			r.add(at+".bridge", n.Bridge, fmt.Sprintf("must be 1 to %d of a-z A-Z 0-9 . _ -", maxInterface), "name a bridge")
		}
		if len(n.Publish) > 0 {
			r.add(at+".publish", nil, `means nothing unless type is "user"`, "remove it")
		}
		if n.HostLoopback && r.ok(at+".host_loopback") {
			r.add(at+".host_loopback", true, `means nothing unless type is "user"`, "remove it")
		}
		return
	}
	for _, wrong := range []struct {
		key   string
		value any
		is    bool
	}{
		{"tap", n.Tap, n.Tap != ""},
		{"bridge", n.Bridge, n.Bridge != ""},
		{"queues", n.Queues, n.Queues > 1},
		{"vhost", string(n.Vhost), n.Vhost == VhostOn},
	} {
		if wrong.is && r.ok(at+"."+wrong.key) {
			r.add(at+"."+wrong.key, wrong.value, `means nothing unless type is "tap"`, `remove it, or set type to "tap"`)
		}
	}
}

func (n *Net) checkAddress(at string, r *report) {
	static := false
	if r.ok(at + ".address") {
		switch n.Address {
		case AddressDHCP, AddressNone:
		default:
			p, err := netip.ParsePrefix(n.Address)
			if static = err == nil && p.Addr().Is4(); !static {
				r.add(at+".address", n.Address, `must be "dhcp", "none", or an IPv4 address with a prefix`, `write it as in "10.0.0.2/24"`)
				return
			}
		}
	}
	if n.Gateway != "" && r.ok(at+".gateway") {
		if a, err := netip.ParseAddr(n.Gateway); err != nil || !a.Is4() {
			r.add(at+".gateway", n.Gateway, "must be an IPv4 address", `write it as in "10.0.0.1"`)
		} else if !static {
			r.add(at+".gateway", n.Gateway, "means nothing unless address is one", "remove it, or give an address")
		}
	}
	for j, s := range n.DNS {
		if where := index(at+".dns", j); r.ok(where) {
			if _, err := netip.ParseAddr(s); err != nil {
				r.add(where, s, "must be an address", `write it as in "10.0.0.1"`)
			}
		}
	}
}
