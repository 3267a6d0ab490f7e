package bootconf

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// Mount is a file system to mount. Exactly one of Disk and Share is set.
type Mount struct {
	// Disk is the serial number of the virtio disk that holds it (virtio 1.2,
	// 5.2.6.1), at most 20 bytes.
	Disk string `json:"disk,omitempty"`

	// Share is the tag of a virtio-fs device (virtio 1.2, 5.11.4), at most 36
	// bytes.
	Share string `json:"share,omitempty"`

	// On is the folder, absolute; it is made where it is missing.
	On string `json:"on"`

	// FSType is the type of a disk's file system, such as ext4.
	FSType string `json:"fstype,omitempty"`

	ReadOnly bool `json:"read_only,omitempty"`
}

// Interface is a network device to set up.
type Interface struct {
	// MAC is the device's address, as in 52:54:00:12:34:56: what tells devices
	// apart.
	MAC string `json:"mac"`

	// Name is what the device is called from then on; empty leaves the kernel's.
	Name string `json:"name,omitempty"`

	// Address is an IPv4 address with its prefix, as in 10.0.0.2/24, or "dhcp".
	Address string `json:"address"`

	// Gateway is the next hop of the default route, beside an address; empty for
	// no such route.
	Gateway string `json:"gateway,omitempty"`

	// DNS are name servers for /etc/resolv.conf. Empty leaves what DHCP says.
	DNS []string `json:"dns,omitempty"`
}

// Validate reports everything that is wrong with n, joined.
func (n *Interface) Validate() error {
	var errs []error
	n.validate(func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	})
	return errors.Join(errs...)
}

// DHCP is the Address of an interface that asks for one.
const DHCP = "dhcp"

const (
	maxDevices = 64
	maxSerial  = 20
	maxTag     = 36
)

func (c *Config) validateDevices(bad func(field, format string, args ...any)) {
	if len(c.Mounts) > maxDevices || len(c.Interfaces) > maxDevices {
		bad("mounts", "%d, and %d interfaces: at most %d each", len(c.Mounts), len(c.Interfaces), maxDevices)
		return
	}
	for i, m := range c.Mounts {
		m.validate(func(field, format string, args ...any) {
			bad(fmt.Sprintf("mounts[%d].%s", i, field), format, args...)
		})
	}
	for i, n := range c.Interfaces {
		n.validate(func(field, format string, args ...any) {
			bad(fmt.Sprintf("interfaces[%d].%s", i, field), format, args...)
		})
	}
}

func (m *Mount) validate(bad func(field, format string, args ...any)) {
	switch {
	case (m.Disk == "") == (m.Share == ""):
		bad("disk", "%q, and share %q: one of the two is wanted", m.Disk, m.Share)
	case len(m.Disk) > maxSerial || strings.ContainsAny(m.Disk, "/\x00\n"):
		bad("disk", "%q is not a serial number", m.Disk)
	case len(m.Share) > maxTag || strings.ContainsRune(m.Share, 0):
		bad("share", "%q is not a tag", m.Share)
	}
	if !path.IsAbs(m.On) || path.Clean(m.On) != m.On || strings.ContainsRune(m.On, 0) {
		bad("on", "%q is not a clean absolute path", m.On)
	}
	if m.Disk != "" && (m.FSType == "" || strings.ContainsAny(m.FSType, "/\x00")) {
		bad("fstype", "%q is not a file system's type", m.FSType)
	}
}

func (n *Interface) validate(bad func(field, format string, args ...any)) {
	if !isMAC(n.MAC) {
		bad("mac", "%q is not a MAC address", n.MAC)
	}
	if n.Name != "" && !isDeviceName(n.Name) {
		bad("name", "%q is not the name of a network device", n.Name)
	}
	if n.Address != DHCP {
		if p, err := netip.ParsePrefix(n.Address); err != nil || !p.Addr().Is4() {
			bad("address", "%q is neither dhcp nor an IPv4 address with a prefix", n.Address)
		}
	}
	if n.Gateway != "" {
		if a, err := netip.ParseAddr(n.Gateway); err != nil || !a.Is4() {
			bad("gateway", "%q is not an IPv4 address", n.Gateway)
		}
	}
	for i, s := range n.DNS {
		if _, err := netip.ParseAddr(s); err != nil {
			bad(fmt.Sprintf("dns[%d]", i), "%q is not an address", s)
		}
	}
}

// isDeviceName accepts what the kernel does (IFNAMSIZ), less what would be odd on a
// command line.
func isDeviceName(s string) bool {
	return len(s) > 0 && len(s) < 16 && strings.IndexFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9')
	}) < 0
}

// isMAC accepts six bytes in lower-case hexadecimal with colons, as the kernel
// prints them.
func isMAC(s string) bool {
	if len(s) != 17 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i%3 == 2 {
			if c != ':' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
