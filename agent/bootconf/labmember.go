package bootconf

import (
	"errors"
	"fmt"
	"strings"
)

// labMemberKey is the parameter of the kernel's command line that makes a lab host one
// of several on a network. All hosts share an initrd, so it cannot stand there.
const labMemberKey = "hull.lab="

// LabMember is one lab host of several on a network.
type LabMember struct {
	Hostname string // without a dot
	MAC      string // of its network device
	Address  string // an IPv4 address with its prefix
}

// Word is the member as a word of the kernel's command line.
func (m LabMember) Word() string {
	return labMemberKey + strings.Join([]string{m.Hostname, m.MAC, m.Address}, ",")
}

// Validate reports what is wrong with m, joined.
func (m *LabMember) Validate() error {
	var errs []error
	if m.Hostname == "" || len(m.Hostname) > 63 || strings.IndexFunc(m.Hostname, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
	}) >= 0 {
		errs = append(errs, fmt.Errorf("host name %q: not one label in lower case", m.Hostname))
	}
	i := Interface{MAC: m.MAC, Address: m.Address}
	if m.Address == DHCP {
		errs = append(errs, errors.New("address: a fixed one is wanted"))
	}
	return errors.Join(append(errs, i.Validate())...)
}

// FindLabMember finds the member that a kernel's command line names. It is nil where
// there is none.
func FindLabMember(cmdline string) (*LabMember, error) {
	for word := range strings.FieldsSeq(cmdline) {
		text, found := strings.CutPrefix(word, labMemberKey)
		if !found {
			continue
		}
		parts := strings.Split(text, ",")
		if len(parts) != 3 {
			return nil, fmt.Errorf("lab network %q: want a host name, a MAC address and an address", text)
		}
		m := &LabMember{Hostname: parts[0], MAC: parts[1], Address: parts[2]}
		if err := m.Validate(); err != nil {
			return nil, fmt.Errorf("lab network %q: %w", text, err)
		}
		return m, nil
	}
	return nil, nil
}
