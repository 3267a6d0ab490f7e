package net

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/internal/vhost"
	"github.com/hullvm/hull/mem"
)

// VHostMode says who serves the queues of a card.
type VHostMode int

// The monitor always, the kernel where it can, or the kernel or nobody. In the
// kernel there are no limits, no AntiSpoof, no filter, no counters, and no note
// of the pages of guest memory that are written: see [Device.SetVHost].
const (
	VHostOff VHostMode = iota
	VHostAuto
	VHostOn
)

var vhostModes = []string{VHostOff: "off", VHostAuto: "auto", VHostOn: "on"}

func (m VHostMode) String() string { return vhostModes[m] }

// ParseVHostMode reads off, auto or on.
func ParseVHostMode(s string) (VHostMode, error) {
	for m, name := range vhostModes {
		if s == name {
			return VHostMode(m), nil
		}
	}
	return 0, fmt.Errorf("vhost %q: want off, auto or on", s)
}

// VHostNet is the kernel's end for a pair of queues: a [vhost.Net].
type VHostNet interface {
	Features() uint64
	Start(vhost.Setup) error
	Stop() (next [2]uint16, err error)
	SetBackend(fd int) error
	Close() error
}

// vhostState is what a card knows of the kernel's help. Device.mu guards it.
type vhostState struct {
	nets []VHostNet // for each pair; none where there is no help
	must bool       // VHostOn
	off  bool       // turned off for now
	told bool       // why the kernel does not help was logged
}

// kernelFeatures are the negotiated features that vhost-net has to know of; what
// the others say is the tap's business, or the control queue's.
const kernelFeatures = virtio.FeatureIndirectDesc | virtio.FeatureEventIdx | virtio.FeatureVersion1 |
	virtio.FeatureRingPacked | virtio.FeatureInOrder | virtio.FeatureNotificationData | FeatureMrgRXBuf

// prepareVHost decides whether the kernel can help at all.
func (d *Device) prepareVHost(c Config) error {
	if c.VHost == VHostOff {
		closeVHost(c.VHostNet)
		return nil
	}
	why := d.vhostUnfit(c)
	switch {
	case why == nil:
		d.vhost = vhostState{nets: c.VHostNet, must: c.VHost == VHostOn}
		return nil
	case c.VHost == VHostOn:
		return fmt.Errorf("vhost on: %w", why)
	}
	d.log.Debug("vhost-net is not used", "device", d.name, "reason", why)
	closeVHost(c.VHostNet)
	return nil
}

func (d *Device) vhostUnfit(c Config) error {
	switch {
	case c.LimitRX != nil || c.LimitTX != nil:
		return errors.New("rate limits are the monitor's: the kernel keeps none")
	case c.AntiSpoof:
		return errors.New("source addresses are checked by the monitor: the kernel checks none")
	case len(c.VHostNet) < d.pairCount:
		return fmt.Errorf("%d open vhost-net devices for %d queue pairs", len(c.VHostNet), d.pairCount)
	}
	for _, p := range d.ports {
		if !p.Tap {
			return errors.New("the backend is not a tap")
		}
	}
	return nil
}

func closeVHost(nets []VHostNet) {
	for _, n := range nets {
		_ = n.Close()
	}
}

// Without implements [virtio.Selective]: a driver that took what the kernel lacks
// (packed rings) would shut it out.
func (d *Device) Without() uint64 {
	var lacks uint64
	for _, n := range d.vhost.nets {
		lacks |= virtio.RingFeatures & kernelFeatures &^ n.Features()
	}
	return lacks
}

// SetVHost turns the kernel's help off or on again while the card works, where
// the kernel could help. It is off while guest memory is copied to elsewhere: the
// kernel's writes are in no dirty log. on is what holds afterwards.
func (d *Device) SetVHost(want bool) (on bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.vhost.nets) == 0 {
		return false, nil
	}
	if d.vhost.off == !want {
		return want, nil
	}
	d.vhost.off = !want
	if d.run == nil {
		return want, nil
	}
	for i := range d.run.pairs {
		d.stopPair(&d.run.pairs[i])
	}
	if err := d.startLocked(); err != nil {
		return false, fmt.Errorf("net %q: %w", d.name, err)
	}
	for _, p := range d.run.pairs {
		on = on || p.inKernel
	}
	return on, nil
}

// vhostStartLocked hands a pair to the kernel, where that is wanted and can be.
// An error is why nobody may serve the pair.
func (d *Device) vhostStartLocked(p *pair) (bool, error) {
	v := &d.vhost
	if len(v.nets) == 0 || v.off {
		return false, nil
	}
	err := d.vhostServe(p)
	if err == nil {
		p.inKernel = true
		// The kernel does not know of notifications that came before.
		p.rx.Kick()
		p.tx.Kick()
		return true, nil
	}
	if v.must {
		return false, fmt.Errorf("vhost on: pair %d: %w", p.index, err)
	}
	if !v.told {
		v.told = true
		d.log.Warn("vhost-net is not used", "device", d.name, "reason", err)
	}
	return false, nil
}

func (d *Device) vhostServe(p *pair) error {
	a := d.run.a
	s := vhost.Setup{Features: a.Features & kernelFeatures, Backend: d.vhostBackend(p), Broken: a.Broken}
	n := d.vhost.nets[p.index]
	if missing := s.Features &^ n.Features(); missing != 0 {
		return fmt.Errorf("the kernel lacks features %#x that were negotiated", missing)
	}
	slots := a.Memory.Slots()
	for _, slot := range slots {
		s.Memory = append(s.Memory, vhost.Region{Guest: uint64(slot.Base), Size: slot.Size, User: uint64(slot.Host)})
	}
	for i, q := range [2]*virtio.Queue{vhost.RX: p.rx, vhost.TX: p.tx} {
		ring, err := kernelRing(q, slots)
		if err != nil {
			return fmt.Errorf("queue %d: %w", q.Index, err)
		}
		s.Rings[i] = ring
	}
	return n.Start(s)
}

// vhostBackend is the tap's queue, or none where the link is down.
func (d *Device) vhostBackend(p *pair) int {
	if !d.linkUp() {
		return -1
	}
	return d.ports[p.index].FD
}

// kernelRing is a queue as the kernel takes it.
func kernelRing(q *virtio.Queue, slots []mem.Slot) (vhost.Ring, error) {
	r := vhost.Ring{Size: q.Layout.Size, Next: q.Position().Next, Kick: q.KickFD(), Call: q.InterruptFD()}
	if r.Call < 0 {
		return r, errors.New("its interrupt is not one that the kernel can raise (MSI-X is)")
	}
	n := uint64(q.Layout.Size)
	for _, area := range []struct {
		to   *uint64
		at   mem.Addr
		size uint64
	}{
		{&r.Desc, q.Layout.Desc, 16 * n},
		{&r.Avail, q.Layout.Driver, 6 + 2*n},
		{&r.Used, q.Layout.Device, 6 + 8*n},
	} {
		host, ok := hostAddress(slots, area.at, area.size)
		if !ok {
			return r, fmt.Errorf("a ring at %#x that is not in one piece of RAM", uint64(area.at))
		}
		*area.to = host
	}
	return r, nil
}

// hostAddress is where n bytes of guest memory lie in this process, if they do so
// in one piece.
func hostAddress(slots []mem.Slot, at mem.Addr, n uint64) (uint64, bool) {
	for _, s := range slots {
		if off := uint64(at) - uint64(s.Base); off < s.Size {
			return uint64(s.Host) + off, n <= s.Size-off
		}
	}
	return 0, false
}

// vhostStop takes a pair back from the kernel: the queues stand where it left
// them.
func (d *Device) vhostStop(p *pair) {
	p.inKernel = false
	next, err := d.vhost.nets[p.index].Stop()
	for i, q := range [2]*virtio.Queue{vhost.RX: p.rx, vhost.TX: p.tx} {
		if err == nil {
			err = takeBack(q, next[i])
		}
	}
	if err != nil {
		d.run.a.Broken(fmt.Errorf("net %q: pair %d: %w", d.name, p.index, err))
	}
}

// takeBack puts a queue where the kernel left it, which used all that it took.
func takeBack(q *virtio.Queue, next uint16) error {
	at := q.Position()
	at.Next, at.Used = next, at.Used+(next-at.Next)
	return q.Restore(at)
}

// vhostLinkLocked plugs the kernel's end of the cable in, or pulls it.
func (d *Device) vhostLinkLocked() {
	if d.run == nil {
		return
	}
	for i := range d.run.pairs {
		p := &d.run.pairs[i]
		if !p.inKernel {
			continue
		}
		if err := d.vhost.nets[p.index].SetBackend(d.vhostBackend(p)); err != nil {
			d.log.Warn("vhost-net keeps its link", "device", d.name, "error", err)
		}
		p.rx.Kick()
		p.tx.Kick()
	}
}
