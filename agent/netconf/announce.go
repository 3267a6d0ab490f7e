package netconf

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// announceInterval lies between the two announcements of an address (RFC 5227,
// 1.1: ANNOUNCE_INTERVAL, ANNOUNCE_NUM).
const announceInterval = 2 * time.Second

// ARP for IPv4 over Ethernet, RFC 826. Offsets in bytes.
const (
	offARPHardware     = 0
	offARPProtocol     = 2
	offARPHardwareSize = 4
	offARPProtocolSize = 5
	offARPOperation    = 6
	offARPSenderMAC    = 8
	offARPSenderIP     = 14
	offARPTargetIP     = 24
	arpSize            = 28

	arpEthernet = 1
	arpRequest  = 1
	macSize     = 6
)

// announcement asks for an address in the name of who has it, so that all that
// hear it learn the MAC address, and those that knew another forget that.
func announcement(mac net.HardwareAddr, ip net.IP) []byte {
	b := make([]byte, arpSize)
	binary.BigEndian.PutUint16(b[offARPHardware:], arpEthernet)
	binary.BigEndian.PutUint16(b[offARPProtocol:], unix.ETH_P_IP)
	b[offARPHardwareSize], b[offARPProtocolSize] = macSize, net.IPv4len
	binary.BigEndian.PutUint16(b[offARPOperation:], arpRequest)
	copy(b[offARPSenderMAC:], mac)
	copy(b[offARPSenderIP:], ip)
	copy(b[offARPTargetIP:], ip)
	return b
}

// announce tells the network who has an address, now and once more later. It is
// for those that knew another: nothing is lost for good when nobody hears it, and
// so a failure is only a remark.
func (k *keeper) announce(ip net.IP, remark func(string)) {
	ip = ip.To4()
	attrs := k.link.Attrs()
	if ip == nil || len(attrs.HardwareAddr) != macSize {
		return
	}
	if err := sendARP(attrs.Index, announcement(attrs.HardwareAddr, ip)); err != nil {
		remark(fmt.Sprintf("network device %s: announce %v: %v", attrs.HardwareAddr, ip, err))
		return
	}
	k.start(func(ctx context.Context) {
		if sleep(ctx, announceInterval) {
			_ = sendARP(attrs.Index, announcement(attrs.HardwareAddr, ip)) // the device may be gone
		}
	})
}

// sendARP broadcasts a packet.
func sendARP(index int, packet []byte) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{
		Protocol: networkOrder(unix.ETH_P_ARP), Ifindex: index,
		Halen: macSize, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	}
	if err := unix.Sendto(fd, packet, 0, to); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// networkOrder is a number whose bytes lie in memory in the network's order.
func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
