package net

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// A reverse ARP request (RFC 903), which asks for nothing here: switches learn from any
// frame where its sender is, and a host that has no use for this one drops it.
const (
	etherTypeRARP = 0x8035
	rarpRequest   = 3

	minFrame = 60 // bytes of an Ethernet frame, without its checksum
)

// SendRARP sends a frame into the network as if the guest had sent it, so that the
// switches on the way learn where the card's address is: of a card on a tap, whose
// cable is plugged in. It does nothing for others. The guest is not asked, and does not
// hear of it.
func (d *Device) SendRARP() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	ports := d.backend.Ports() // none once it is closed
	if len(ports) == 0 || !ports[0].Tap || !d.linkUp() {
		return nil
	}
	frame := rarp(d.MAC())
	if ports[0].Header {
		frame = append(make([]byte, HeaderSize), frame...)
	}
	for {
		switch _, err := unix.Write(ports[0].FD, frame); err {
		case nil:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("net %q: announce %v: %w", d.name, d.MAC(), err)
		}
	}
}

// rarp is the frame.
func rarp(mac MAC) []byte {
	const ethernet, ipv4, addressSize = 1, 0x0800, 4
	be := binary.BigEndian
	b := slices.Concat(broadcast[:], mac[:], []byte{0, 0})
	be.PutUint16(b[2*macSize:], etherTypeRARP)
	b = be.AppendUint16(b, ethernet)
	b = be.AppendUint16(b, ipv4)
	b = append(b, macSize, addressSize)
	b = be.AppendUint16(b, rarpRequest)
	for range 2 { // the sender's addresses and the target's
		b = append(append(b, mac[:]...), make([]byte, addressSize)...)
	}
	return append(b, make([]byte, minFrame-len(b))...)
}
