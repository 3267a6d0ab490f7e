package net

import (
	"errors"
	"fmt"
)

// commands are what the control queue takes, and the feature that each needs.
var commands = []struct {
	class, command byte
	feature        uint64
	do             func(*controller, *data) error
}{
	{ctrlRX, ctrlRXPromisc, FeatureCtrlRX, (*controller).promisc},
	{ctrlRX, ctrlRXAllMulti, FeatureCtrlRX, (*controller).allMulti},
	{ctrlMAC, ctrlMACTableSet, FeatureCtrlRX, (*controller).setTable},
	{ctrlMAC, ctrlMACAddrSet, FeatureCtrlMACAddr, (*controller).setMAC},
	{ctrlAnnounce, ctrlAnnounceAck, FeatureGuestAnnounce, (*controller).acknowledge},
	{ctrlMQ, ctrlMQVQPairsSet, FeatureMQ, (*controller).setPairs},
	{ctrlGuestOffloads, ctrlGuestOffloadsSet, FeatureCtrlGuestOffloads, (*controller).setOffloads},
}

func (c *controller) promisc(s *data) error {
	return c.mode(s, func(f *filter, on bool) { f.promisc = on })
}

func (c *controller) allMulti(s *data) error {
	return c.mode(s, func(f *filter, on bool) { f.allMulti = on })
}

// mode changes a flag of the filter (section 5.1.6.5.1).
func (c *controller) mode(s *data, set func(*filter, bool)) error {
	v, err := s.u8()
	if err != nil {
		return err
	}
	if v > 1 {
		return fmt.Errorf("receive mode %d: want 0 or 1", v)
	}
	f := *c.d.filter.Load()
	set(&f, v == 1)
	c.d.filter.Store(&f)
	return nil
}

// setTable takes the addresses that the driver wants beside its own (section
// 5.1.6.5.2): unicast, then multicast.
func (c *controller) setTable(s *data) error {
	f := *c.d.filter.Load()
	var err error
	if f.unicast, f.allUni, err = s.table(); err != nil {
		return err
	}
	if f.multicast, f.moreMulti, err = s.table(); err != nil {
		return err
	}
	c.d.filter.Store(&f)
	return nil
}

// table reads one list of addresses. more means that there are too many.
func (s *data) table() (list map[MAC]bool, more bool, err error) {
	n, err := s.le32()
	if err != nil {
		return nil, false, err
	}
	if uint64(n)*macSize > s.left() {
		return nil, false, errShort
	}
	if n > maxFilter {
		s.off += uint64(n) * macSize
		return nil, true, nil
	}
	list = make(map[MAC]bool, n)
	for range n {
		var m MAC
		if err := s.read(m[:]); err != nil {
			return nil, false, err
		}
		list[m] = true
	}
	return list, false, nil
}

func (c *controller) setMAC(s *data) error {
	var m MAC
	if err := s.read(m[:]); err != nil {
		return err
	}
	switch {
	case !m.usable():
		return fmt.Errorf("MAC %v: not the address of one card", m)
	case c.d.antiSpoof && m != c.d.configured:
		return fmt.Errorf("MAC %v: this card has to keep its own", m)
	}
	c.d.mac.Store(&m)
	return nil
}

// acknowledge ends an announcement (section 5.1.6.5.4).
func (c *controller) acknowledge(*data) error {
	if old := c.d.status.And(^uint32(statusAnnounce)); old&statusAnnounce == 0 {
		return errors.New("there is no announcement")
	}
	return nil
}

func (c *controller) setPairs(s *data) error {
	n, err := s.le16()
	if err != nil {
		return err
	}
	if n < 1 || int(n) > c.d.pairCount {
		return fmt.Errorf("%d queue pairs: want 1 to %d", n, c.d.pairCount)
	}
	return c.d.setPairs(int(n))
}

// setOffloads changes which of the negotiated offloads received frames may need
// (section 5.1.6.5.6).
func (c *controller) setOffloads(s *data) error {
	v, err := s.le64()
	if err != nil {
		return err
	}
	if wrong := v &^ (c.features & guestOffloads); wrong != 0 {
		return fmt.Errorf("offloads %#x: %#x were not negotiated", v, wrong)
	}
	return c.d.setOffloads(v)
}
