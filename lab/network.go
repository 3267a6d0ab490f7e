package lab

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/hullvm/hull/agent/bootconf"
)

// Hosts of one lab that have the same network share an Ethernet segment. A host's
// number there is all that its addresses are made of.
const (
	maxNumber = 254 // of 10.213.0.0/24

	networkPrefix = 24
)

// macPrefix begins the hardware addresses of hosts: a local one, with the bytes of
// 10.213.0 in it.
var macPrefix = [5]byte{0x52, 0x54, 0x0a, 0xd5, 0x00}

// addressOf is the IP address of a host.
func addressOf(number int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 213, 0, byte(number)})
}

// macOf is the hardware address of a host.
func macOf(number int) string {
	p := macPrefix
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], number)
}

// member is what a host is told of itself.
func (s *Spec) member() bootconf.LabMember {
	return bootconf.LabMember{
		Hostname: s.Name, MAC: macOf(s.Number),
		Address: netip.PrefixFrom(addressOf(s.Number), networkPrefix).String(),
	}
}

// members are the hosts of a network by their numbers, living or dead.
func members(state, network string) map[int]string {
	found := make(map[int]string)
	for name, spec := range specs(state) {
		if network != "" && spec.Network == network && spec.Number > 0 {
			found[spec.Number] = name
		}
	}
	return found
}

// specs are what is written down of all hosts. One that is only being made, or being
// removed, may be missing.
func specs(state string) map[string]*Spec {
	entries, err := os.ReadDir(state)
	if err != nil {
		return nil
	}
	found := make(map[string]*Spec)
	for _, e := range entries {
		if !e.IsDir() || !validName(e.Name()) {
			continue
		}
		if s, err := readSpec(filepath.Join(state, e.Name())); err == nil {
			found[e.Name()] = s
		}
	}
	return found
}

// numbers are the numbers in use, on all networks. Who has them holds the lock of all
// hosts.
type numbers map[string]map[int]string

func (l *Lab) numbers() numbers {
	n := make(numbers)
	for name, s := range specs(l.dirs.State) {
		if s.Network != "" {
			n.take(s.Network, s.Number, name)
		}
	}
	return n
}

func (n numbers) take(network string, number int, host string) {
	if n[network] == nil {
		n[network] = make(map[int]string)
	}
	n[network][number] = host
}

// number gives a host its number: the one that a host of its name had or has, so that
// it comes back with its address, or the lowest that is free.
func (n numbers) number(s *Spec) error {
	if s.Number = 0; s.Network == "" {
		return nil
	}
	taken := n[s.Network]
	for number, host := range taken {
		if host == s.Name {
			s.Number = number
			return nil
		}
	}
	for number := 1; number <= maxNumber; number++ {
		if _, used := taken[number]; !used {
			s.Number = number
			n.take(s.Network, number, s.Name)
			return nil
		}
	}
	return fmt.Errorf("lab host %q: network %q: it has %d hosts, and no address is left", s.Name, s.Network, len(taken))
}
