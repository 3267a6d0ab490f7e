package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/hullvm/hull/agent/bootconf"
)

// Limits of a renewal, docs/agent-protocol.md section 7. Sizes in bytes.
const (
	MinSeed = 32
	MaxSeed = 512

	maxRenewal   = 64 << 10 // as JSON
	maxReport    = 1 << 20
	maxPartError = 4 << 10
	maxNetworks  = 64
	maxHostname  = 64 // utsname(2)
	maxDevice    = 17 // a MAC address; a name has 15 at most
	machineIDLen = 32
)

// Seed is secret: it does not show when it is printed.
type Seed []byte

// Format prints the length.
func (s Seed) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[%d secret bytes]", len(s)) }

// LogValue logs the length.
func (s Seed) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// Renewal makes a machine that goes on from a snapshot another than the one that
// the snapshot was made of. What is empty stays as it is. The parts are carried
// out in this order, each whatever became of those before it.
type Renewal struct {
	// Seed is random, and makes the random numbers of the kernel others than those
	// of another clone. MinSeed to MaxSeed bytes.
	Seed Seed `json:"seed,omitempty"`

	// Time is what the wall clock is set to, in nanoseconds since 1970.
	Time int64 `json:"time,omitempty"`

	// Hostname is at most 64 bytes.
	Hostname string `json:"hostname,omitempty"`

	// MachineID is that of machine-id(5), 32 lower-case hexadecimal digits.
	MachineID string `json:"machine_id,omitempty"`

	// Networks are set up anew, all at once.
	Networks []NetworkRenewal `json:"networks,omitempty"`

	// Thaw lets the processes go on that Freeze stopped.
	Thaw bool `json:"thaw,omitempty"`
}

// NetworkRenewal is one network device and what it becomes.
type NetworkRenewal struct {
	Device string `json:"device"` // the MAC address that it has, or its name in the guest
	MAC    string `json:"mac"`    // the one it gets

	Address string   `json:"address"`           // 10.0.0.2/24, or dhcp
	Gateway string   `json:"gateway,omitempty"` // beside an address; empty for none
	DNS     []string `json:"dns,omitempty"`     // empty: those that DHCP names
}

// Interface is what the device becomes.
func (n *NetworkRenewal) Interface() bootconf.Interface {
	return bootconf.Interface{MAC: n.MAC, Address: n.Address, Gateway: n.Gateway, DNS: n.DNS}
}

// Validate reports everything that is wrong with r, joined.
func (r *Renewal) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("renewal: "+format, args...)) }
	if n := len(r.Seed); n != 0 && (n < MinSeed || n > MaxSeed) {
		bad("seed: %d bytes, wanted %d to %d", n, MinSeed, MaxSeed)
	}
	if r.Time < 0 {
		bad("time: %d is before 1970", r.Time)
	}
	if len(r.Hostname) > maxHostname || strings.ContainsAny(r.Hostname, "/\x00\n ") {
		bad("hostname: %q is not a host name", cut(r.Hostname, 2*maxHostname))
	}
	if r.MachineID != "" && !isMachineID(r.MachineID) {
		bad("machine_id: %q is not 32 lower-case hexadecimal digits, or all zero", cut(r.MachineID, 2*machineIDLen))
	}
	if len(r.Networks) > maxNetworks {
		bad("networks: %d, at most %d", len(r.Networks), maxNetworks)
		return errors.Join(errs...)
	}
	seen := make(map[string]bool)
	for i := range r.Networks {
		n := &r.Networks[i]
		if n.Device == "" || len(n.Device) > maxDevice || strings.ContainsAny(n.Device, "/\x00\n ") || seen[n.Device] {
			bad("networks[%d]: device: %q is no device's name or MAC address, or there twice", i, cut(n.Device, 2*maxDevice))
		}
		seen[n.Device] = true
		c := n.Interface()
		if err := c.Validate(); err != nil {
			bad("networks[%d]: %w", i, err)
		}
	}
	return errors.Join(errs...)
}

func isMachineID(s string) bool {
	return len(s) == machineIDLen && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

// cut is the beginning of a string that may be long.
func cut(s string, most int) string { return s[:min(len(s), most)] }

// Names of parts in a report. Each network has one of its own: PartNetwork, a
// blank, and its Device.
const (
	PartSeed      = "seed"
	PartTime      = "time"
	PartHostname  = "hostname"
	PartMachineID = "machine-id"
	PartNetwork   = "network"
	PartThaw      = "thaw"
)

// Parts are the names of what r asks for, in order.
func (r *Renewal) Parts() []string {
	var list []string
	add := func(asked bool, name string) {
		if asked {
			list = append(list, name)
		}
	}
	add(len(r.Seed) > 0, PartSeed)
	add(r.Time != 0, PartTime)
	add(r.Hostname != "", PartHostname)
	add(r.MachineID != "", PartMachineID)
	for i := range r.Networks {
		add(true, PartNetwork+" "+r.Networks[i].Device)
	}
	add(r.Thaw, PartThaw)
	return list
}

// DecodeRenewal reads the JSON of a Renewal and validates it. A part that is not
// known is an error: it would not be done.
func DecodeRenewal(b []byte) (*Renewal, error) {
	if len(b) > maxRenewal {
		return nil, fmt.Errorf("renewal: more than %d bytes", maxRenewal)
	}
	r := new(Renewal)
	if err := decodeStrictly(b, r); err != nil {
		return nil, fmt.Errorf("renewal: %w", err)
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	return r, nil
}

// decodeStrictly decodes one JSON value that v knows all fields of.
func decodeStrictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// RenewalReport is what became of a renewal: a part for each of those asked for,
// in order.
type RenewalReport struct {
	Parts []RenewedPart `json:"parts"`
}

// RenewedPart is one part of a renewal.
type RenewedPart struct {
	Name  string `json:"name"`
	Error string `json:"error,omitempty"` // empty: it is done
}

// Err joins the failures; nil where all is done.
func (r *RenewalReport) Err() error {
	var errs []error
	for _, p := range r.Parts {
		if p.Error != "" {
			errs = append(errs, fmt.Errorf("renewal: %s: %s", p.Name, p.Error))
		}
	}
	return errors.Join(errs...)
}

// decodeReport reads what a guest says of a renewal with certain parts. It must
// be of these, and is otherwise only words.
func decodeReport(b []byte, parts []string) (RenewalReport, error) {
	var r RenewalReport
	if err := json.Unmarshal(b, &r); err != nil {
		return RenewalReport{}, err
	}
	if len(r.Parts) != len(parts) {
		return RenewalReport{}, fmt.Errorf("its report is of %d parts, and %d were asked for", len(r.Parts), len(parts))
	}
	for i := range r.Parts {
		p := &r.Parts[i]
		if p.Name != parts[i] {
			return RenewalReport{}, fmt.Errorf("its report has %q in the place of %q", cut(p.Name, maxDevice), parts[i])
		}
		p.Error = strings.ToValidUTF8(cut(p.Error, maxPartError), "?")
	}
	return r, nil
}

// Renew has the agent carry a renewal out. The error is of the whole: nothing may
// have been done, or all; to renew again does no harm. What became of each part
// stands in the report. [ErrNoBuiltin]: the agent is too old.
func (c *Client) Renew(ctx context.Context, r Renewal) (RenewalReport, error) {
	if err := r.Validate(); err != nil {
		return RenewalReport{}, err
	}
	b, err := json.Marshal(&r)
	if err != nil {
		return RenewalReport{}, fmt.Errorf("renewal: encode: %w", err)
	}
	if len(b) > maxRenewal {
		return RenewalReport{}, fmt.Errorf("renewal: %d bytes, at most %d", len(b), maxRenewal)
	}
	answer := &capped{most: maxReport}
	if err := c.Call(ctx, bytes.NewReader(b), answer, "renew"); err != nil {
		return RenewalReport{}, err
	}
	report, err := decodeReport(answer.b.Bytes(), r.Parts())
	if err != nil {
		return RenewalReport{}, fmt.Errorf("built-in %q: %w", "renew", err)
	}
	return report, nil
}
