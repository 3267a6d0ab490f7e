package net

import "fmt"

// MAC is an Ethernet address.
type MAC [macSize]byte

func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5])
}

// group reports whether the address is of several cards: multicast or broadcast.
func (m MAC) group() bool { return m[0]&1 != 0 }

var broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// usable reports whether a card can have the address.
func (m MAC) usable() bool { return !m.group() && m != MAC{} }
