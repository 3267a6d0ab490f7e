package netconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	"github.com/vishvananda/netlink"

	"github.com/hullvm/hull/agent/bootconf"
)

// How a client asks (RFC 2131, 4.1 and 4.4.5).
const (
	askTime = 2 * time.Second // for an answer; then the question is repeated

	// leastRenewal keeps a server with tiny leases from being asked all the time.
	leastRenewal = 5 * time.Second
	// defaultLease is that of an answer that does not say.
	defaultLease = time.Hour
)

// lease asks for an address, sets it, and keeps it in the background.
func (d *Devices) lease(ctx context.Context, k *keeper, c bootconf.Interface, tell bool) error {
	o := &d.options
	client := &dhcp{link: k.link, dns: parseIPs(c.DNS), resolv: o.Resolv, remark: o.Remark}
	if tell {
		client.tell = func(ip net.IP) { k.announce(ip, o.Remark) }
	}
	k.client = client
	first := make(chan error, 1)
	k.start(func(ctx context.Context) { client.run(ctx, first) })
	k.end()
	timer := time.NewTimer(o.LeaseTime)
	defer timer.Stop()
	select {
	case err := <-first:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-k.ctx.Done():
		return fmt.Errorf("%s: set up anew meanwhile", k.link.Attrs().Name)
	case <-timer.C:
		return fmt.Errorf("%s: no DHCP server answered within %v", k.link.Attrs().Name, o.LeaseTime)
	}
}

// dhcp is one interface's client.
type dhcp struct {
	link   netlink.Link
	dns    []net.IP // instead of the server's
	resolv string
	remark func(string)
	tell   func(net.IP) // hears of addresses that were not there before; may be nil

	held *setting // what is set now
}

// run asks until ctx ends. first gets the outcome of the first address.
func (d *dhcp) run(ctx context.Context, first chan<- error) {
	told := false
	for ctx.Err() == nil {
		err := d.hold(ctx, func(err error) {
			if !told {
				told = true
				first <- err
			}
		})
		if err != nil && ctx.Err() == nil {
			d.remark(fmt.Sprintf("network device %s: DHCP: %v", d.link.Attrs().HardwareAddr, err))
			sleep(ctx, askTime)
		}
	}
}

// hold gets a lease and renews it for as long as the server lets it.
func (d *dhcp) hold(ctx context.Context, set func(error)) error {
	client, err := nclient4.New(d.link.Attrs().Name, nclient4.WithTimeout(askTime), nclient4.WithRetry(1))
	if err != nil {
		return err
	}
	defer client.Close()
	var l *nclient4.Lease
	for l == nil {
		if l, err = client.Request(ctx); err != nil {
			l = nil
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if !errors.Is(err, nclient4.ErrNoResponse) {
				return err
			}
		}
	}
	for {
		s, err := d.settingOf(l.ACK)
		if err != nil {
			return err
		}
		err = d.change(s)
		set(err)
		if err != nil {
			return err
		}
		length := l.ACK.IPAddressLeaseTime(defaultLease)
		expiry := time.Now().Add(length)
		if !sleep(ctx, max(length/2, leastRenewal)) {
			return context.Cause(ctx)
		}
		for {
			next, err := client.Renew(ctx, l)
			if err == nil {
				l = next
				break
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			var refused *nclient4.ErrNak
			if errors.As(err, &refused) || time.Now().After(expiry) {
				d.drop()
				return err
			}
			sleep(ctx, leastRenewal)
		}
	}
}

// settingOf is what a server's answer says, which is not to be trusted.
func (d *dhcp) settingOf(ack *dhcpv4.DHCPv4) (*setting, error) {
	ip, mask := ack.YourIPAddr.To4(), ack.SubnetMask()
	if ip == nil || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() {
		return nil, fmt.Errorf("the server gave the address %v", ack.YourIPAddr)
	}
	if len(mask) != net.IPv4len {
		mask = ip.DefaultMask()
	}
	s := &setting{address: &net.IPNet{IP: ip, Mask: mask}, dns: d.dns}
	if routers := ack.Router(); len(routers) > 0 {
		s.gateway = routers[0]
	}
	if len(s.dns) == 0 {
		s.dns = ack.DNS()
	}
	if mtu, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, ack.Options); err == nil && mtu >= 576 {
		s.mtu = int(mtu)
	}
	return s, nil
}

func (d *dhcp) change(s *setting) error {
	if d.held != nil && d.held.address.String() != s.address.String() {
		d.drop()
	}
	if err := s.apply(d.link, d.resolv); err != nil {
		return err
	}
	if d.held == nil && d.tell != nil {
		d.tell(s.address.IP)
	}
	d.held = s
	return nil
}

func (d *dhcp) drop() {
	if d.held != nil {
		d.held.remove(d.link)
		d.held = nil
	}
}

// sleep reports whether ctx was still there at the end.
func sleep(ctx context.Context, t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
