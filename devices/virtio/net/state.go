package net

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of state.
const stateVersion = 1

// state is what is saved of a card. Frames are not: what is under way is sent, or
// still the driver's, or lost as on a wire.
type state struct {
	Pairs  uint16       `cbor:"1,keyasint"`
	Link   linkState    `cbor:"2,keyasint"`
	Driver *driverState `cbor:"3,keyasint,omitempty"` // nil where the card is not active
}

// linkState is the end of the cable at the backend.
type linkState uint8

const (
	linkUp linkState = iota
	linkPulled
	linkLost // by a backend that gave up: with the next one the link is up
)

// driverState is what a driver knows of the card, and what it set.
type driverState struct {
	Features uint64 `cbor:"1,keyasint"` // of the card's own, negotiated
	MTU      uint16 `cbor:"2,keyasint"`
	MAC      []byte `cbor:"3,keyasint"`
	Wanted   uint16 `cbor:"4,keyasint"` // pairs of queues
	Offloads uint64 `cbor:"5,keyasint"` // that received frames may need
	Announce bool   `cbor:"6,keyasint"` // an announcement is not acknowledged

	Promisc   bool   `cbor:"7,keyasint"`
	AllMulti  bool   `cbor:"8,keyasint"`
	Unicast   []byte `cbor:"9,keyasint"`  // addresses, ascending, one behind the other
	Multicast []byte `cbor:"10,keyasint"` // likewise
	AllUni    bool   `cbor:"11,keyasint"` // there are more than are kept
	MoreMulti bool   `cbor:"12,keyasint"`
}

// Save implements [vmstate.Keeper]. The card is paused, or not active.
func (d *Device) Save(out vmstate.Out) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.run != nil && !d.run.paused {
		return fmt.Errorf("net %q: save: %w", d.name, errRunning)
	}
	s := state{Pairs: uint16(d.pairCount), Driver: d.saveDriverLocked()}
	switch status := d.status.Load(); {
	case status&(statusLost|statusUntold) != 0:
		s.Link = linkLost
	case status&statusLinkUp == 0:
		s.Link = linkPulled
	}
	return out.Put(stateVersion, s)
}

var (
	errRunning = errors.New("it is not paused")
	errInUse   = errors.New("it is in use already")
)

func (d *Device) saveDriverLocked() *driverState {
	var features uint64
	switch {
	case d.run != nil:
		features = d.run.a.Features & d.features
	case d.loaded != nil:
		features = *d.loaded
	default:
		return nil
	}
	f, mac := d.filter.Load(), d.mac.Load()
	return &driverState{
		Features: features, MTU: d.mtu, MAC: mac[:], Wanted: uint16(d.wanted), Offloads: d.offloads.Load(),
		Announce: d.status.Load()&statusAnnounce != 0,
		Promisc:  f.promisc, AllMulti: f.allMulti, Unicast: packed(f.unicast), Multicast: packed(f.multicast),
		AllUni: f.allUni, MoreMulti: f.moreMulti,
	}
}

// packed are the addresses of a set in order.
func packed(set map[MAC]bool) []byte {
	list := make([]MAC, 0, len(set))
	for m := range set {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b MAC) int { return bytes.Compare(a[:], b[:]) })
	p := make([]byte, 0, len(list)*macSize)
	for _, m := range list {
		p = append(p, m[:]...)
	}
	return p
}

// unpacked is what packed made p of.
func unpacked(p []byte) (map[MAC]bool, error) {
	if len(p)%macSize != 0 || len(p) > maxFilter*macSize {
		return nil, fmt.Errorf("addresses of %d bytes: want up to %d, of %d each", len(p), maxFilter, macSize)
	}
	set := make(map[MAC]bool, len(p)/macSize)
	for at := 0; at < len(p); at += macSize {
		if at > 0 && bytes.Compare(p[at-macSize:at], p[at:at+macSize]) >= 0 {
			return nil, errors.New("addresses that are not in order")
		}
		set[MAC(p[at:])] = true
	}
	return set, nil
}

// Load implements [vmstate.Keeper]. The card is not active, and was not before.
//
// The backend may be another one, of the same number of queues, that can do what
// was negotiated. A MAC that is configured otherwise than it was does not become
// the driver's: that keeps the address that it knows until it sets another.
func (d *Device) Load(in vmstate.In) error {
	var s state
	if _, err := in.Get(stateVersion, &s); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.run != nil {
		return fmt.Errorf("net %q: load: %w", d.name, errInUse)
	}
	switch {
	case int(s.Pairs) != d.pairCount:
		return in.Refuse("%d pairs of queues: this card has %d", s.Pairs, d.pairCount)
	case s.Link > linkLost:
		return in.Refuse("link in state %d", s.Link)
	case s.Driver == nil:
		d.loadLink(s.Link)
		return nil
	}
	f, err := d.checkDriver(s.Driver)
	if err != nil {
		return in.Refuse("%w", err)
	}
	mac := MAC(s.Driver.MAC)
	d.mac.Store(&mac)
	d.filter.Store(f)
	d.offloads.Store(s.Driver.Offloads)
	d.wanted, d.loaded = int(s.Driver.Wanted), &s.Driver.Features
	d.loadLink(s.Link)
	if s.Driver.Announce {
		d.status.Or(statusAnnounce)
	}
	return nil
}

func (d *Device) loadLink(l linkState) {
	switch l {
	case linkUp:
		d.status.Store(statusLinkUp)
	case linkPulled:
		d.status.Store(0)
	case linkLost:
		d.status.Store(statusLinkUp | statusUntold)
	}
}

// checkDriver holds a driver's state against this card, and returns its filter.
func (d *Device) checkDriver(s *driverState) (*filter, error) {
	lacking := s.Features &^ d.features
	switch {
	case lacking != 0:
		return nil, fmt.Errorf("features %#x: this card, with its backend, lacks %#x", s.Features, lacking)
	case s.Features&FeatureMTU != 0 && s.MTU != d.mtu:
		return nil, fmt.Errorf("MTU %d: this card's is %d, and a driver reads it only once", s.MTU, d.mtu)
	case len(s.MAC) != macSize || !MAC(s.MAC).usable():
		return nil, fmt.Errorf("MAC %x: not the address of one card", s.MAC)
	case s.Wanted < 1 || int(s.Wanted) > d.pairCount || s.Wanted > 1 && s.Features&FeatureMQ == 0:
		return nil, fmt.Errorf("%d queue pairs of %d, features %#x", s.Wanted, d.pairCount, s.Features)
	case s.Offloads&^s.Features != 0 || s.Offloads != sensible(s.Offloads):
		return nil, fmt.Errorf("offloads %#x, features %#x", s.Offloads, s.Features)
	}
	f := &filter{promisc: s.Promisc, allMulti: s.AllMulti, allUni: s.AllUni, moreMulti: s.MoreMulti}
	for _, list := range []struct {
		packed []byte
		more   bool
		to     *map[MAC]bool
	}{{s.Unicast, s.AllUni, &f.unicast}, {s.Multicast, s.MoreMulti, &f.multicast}} {
		set, err := unpacked(list.packed)
		if err != nil {
			return nil, err
		}
		if list.more && len(set) > 0 {
			return nil, fmt.Errorf("%d addresses beside more than are kept", len(set))
		}
		*list.to = set
	}
	return f, nil
}
