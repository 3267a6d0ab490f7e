package netd

import (
	"context"
	"encoding/binary"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"github.com/hullvm/hull/netd/netdtest"
)

// Steps of a fuzzer's guest: what the bytes of a step are.
const (
	stepFrame    = iota
	stepPacket   // what follows an Ethernet header
	stepIPv4     // a protocol, and what follows a good IPv4 header
	stepDHCP     // a datagram to the server
	stepQuery    // a datagram to the name server
	stepUDP      // a port, and a datagram
	stepTCP      // a segment, whose checksum is put right
	stepFragment // an offset and flags, and a fragment
	stepARP      // what follows the Ethernet header of a broadcast
	stepGiant    // repeated 64 times
	steps
)

// frames makes frames of a fuzzer's bytes: each step is a kind, a length of two
// bytes, and bytes.
func frames(data []byte) (list [][]byte) {
	here, away := netip.MustParseAddr(Guest), netip.MustParseAddr("192.0.2.1")
	for len(data) >= 3 && len(list) < 64 {
		kind, length := data[0]%steps, int(binary.LittleEndian.Uint16(data[1:]))
		data = data[3:]
		b := data[:min(length, len(data))]
		data = data[len(b):]
		switch kind {
		case stepFrame:
			list = append(list, b)
		case stepPacket:
			list = append(list, netdtest.Ethernet(gatewayMAC, typeIPv4, b))
		case stepIPv4:
			if len(b) > 0 {
				list = append(list, netdtest.IPv4(here, away, b[0], b[1:]), netdtest.IPv4(here, gateway, b[0], b[1:]))
			}
		case stepDHCP:
			list = append(list, netdtest.UDP(netip.AddrPortFrom(netip.IPv4Unspecified(), 68), netip.AddrPortFrom(everyone, 67), b))
		case stepQuery:
			list = append(list, netdtest.UDP(netip.AddrPortFrom(here, 5000), gatewayPort(dnsPort), b))
		case stepUDP:
			if len(b) >= 2 {
				list = append(list, netdtest.UDP(netip.AddrPortFrom(here, 5000), netip.AddrPortFrom(away, binary.BigEndian.Uint16(b)), b[2:]))
			}
		case stepTCP:
			list = append(list, segment(b, netip.AddrPortFrom(here, 0), gatewayPort(0)))
		case stepFragment:
			if len(b) >= 2 {
				f := netdtest.IPv4(here, away, protocolUDP, b[2:])
				copy(f[ethHeader+6:ethHeader+8], b)
				netdtest.FixHeader(f)
				list = append(list, f)
			}
		case stepARP:
			list = append(list, netdtest.Ethernet(broadcastMAC, typeARP, b))
		case stepGiant:
			var giant []byte
			for range 64 {
				giant = append(giant, b...)
			}
			list = append(list, giant)
		}
	}
	return list
}

// segment is a frame with a TCP segment that has a good checksum.
func segment(b []byte, src, dst netip.AddrPort) []byte {
	b = append([]byte(nil), b...)
	if len(b) >= header.TCPMinimumSize {
		h := header.TCP(b)
		h.SetChecksum(0)
		sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, tcpip.AddrFrom4(src.Addr().As4()), tcpip.AddrFrom4(dst.Addr().As4()), uint16(len(b)))
		h.SetChecksum(^checksum.Checksum(b, sum))
	}
	return netdtest.IPv4(src.Addr(), dst.Addr(), protocolTCP, b)
}

// fuzzed is the network of all of a fuzzer's guests, which reaches nobody.
var fuzzed = sync.OnceValues(func() (*os.File, error) {
	n, err := New(Config{GuestMAC: netdtest.MAC})
	if err != nil {
		return nil, err
	}
	n.policy.route = func(netip.Addr) routeKind { return routeNone }
	n.names.servers, n.names.read = []netip.AddrPort{netip.AddrPortFrom(loopback, 9)}, time.Now().Add(24*time.Hour)
	device, socket, err := netdtest.Pair()
	if err != nil {
		return nil, err
	}
	go func() {
		if err := n.Serve(context.Background(), socket); err != nil {
			panic(err)
		}
	}()
	return device, nil
})

func FuzzFrames(f *testing.F) {
	step := func(kind byte, b []byte) []byte {
		return append(binary.LittleEndian.AppendUint16([]byte{kind}, uint16(len(b))), b...)
	}
	ip := netdtest.SYN(netip.AddrPortFrom(guest, 1), gatewayPort(2))
	tcp := ip[ipHeader:]
	discover := []byte("\x01\x01\x06\x00\x01\x02\x03\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x52\x54\x00\x12\x34\x56" + string(make([]byte, 10+64+128)) + "\x63\x82\x53\x63\x35\x01\x01\xff")
	f.Add(step(stepFrame, nil))
	f.Add(step(stepFrame, []byte{1, 2, 3}))
	f.Add(step(stepFrame, ip))
	f.Add(step(stepFrame, ip[:20]))
	f.Add(step(stepPacket, ip[ethHeader:]))
	f.Add(step(stepIPv4, []byte{protocolICMP, 8, 0, 0xf7, 0xff, 0, 0, 0, 0}))
	f.Add(step(stepDHCP, discover))
	f.Add(step(stepQuery, []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01")))
	f.Add(step(stepUDP, []byte{1, 2, 3}))
	f.Add(step(stepTCP, tcp))
	f.Add(append(step(stepFragment, []byte{0x20, 0, 1, 2, 3, 4, 5, 6, 7, 8}), step(stepFragment, []byte{0, 1, 1, 2})...))
	f.Add(step(stepARP, netdtest.ARP(guest, gateway)[ethHeader:]))
	f.Add(step(stepGiant, ip))
	f.Fuzz(func(t *testing.T, data []byte) {
		device, err := fuzzed()
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range frames(data) {
			if _, err := device.Write(frame); err != nil && len(frame) < 1<<20 {
				t.Fatal(err)
			}
		}
		alive(t, device)
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapAlloc > 1<<28 {
			t.Fatalf("%d bytes are in use", m.HeapAlloc)
		}
	})
}

// alive asks for the gateway's MAC address until the answer comes.
func alive(t *testing.T, device *os.File) {
	t.Helper()
	if _, err := device.Write(netdtest.ARP(guest, gateway)); err != nil {
		t.Fatal(err)
	}
	if err := device.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1<<17)
	for {
		n, err := device.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if n >= arpEnd && binary.BigEndian.Uint16(buf[ethType:]) == typeARP {
			return
		}
	}
}
