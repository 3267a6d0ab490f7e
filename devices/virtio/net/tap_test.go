package net

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/internal/netnstest"
	"github.com/hullvm/hull/network/tap"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tapCard is a card on a tap of this host.
type tapCard struct {
	*card
	name string
}

// newTapCard makes a card on a new tap that is a port of bridge, if that is
// named. features that the tap cannot offer fail the test.
func newTapCard(t testing.TB, name, bridge string, mac MAC, s setup) *tapCard {
	t.Helper()
	s.pairs = max(s.pairs, 1)
	opened, err := tap.Open(name, tap.Options{Queues: s.pairs, VNetHdr: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tap.Configure(name, tap.Link{Bridge: bridge, Up: true}); err != nil {
		t.Fatal(err)
	}
	backend, err := NewTap(opened.Files)
	if err != nil {
		t.Fatal(err)
	}
	size := s.size
	if size == 0 {
		size = 256
	}
	d, err := New(Config{Name: name, MAC: mac, QueuePairs: s.pairs, QueueSize: size, Backend: backend})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if wrong := s.features &^ d.Features(); wrong != 0 {
		t.Fatalf("features %#x are not offered", wrong)
	}
	c := &tapCard{card: &card{t: t, device: d, memory: virtqtest.NewMemory(t, 64<<20)}, name: name}
	c.activate(s)
	return c
}

func addBridge(t testing.TB, name string) {
	t.Helper()
	off := false
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}, MulticastSnooping: &off}
	if err := netlink.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/all/disable_ipv6", []byte("1"), 0); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		t.Fatal(err)
	}
}

// next takes received frames until one is of want's type.
func (c *tapCard) next() (header, frame []byte) {
	c.t.Helper()
	for {
		header, frame := c.frame()
		if kind := binary.BigEndian.Uint16(frame[12:]); kind == 0x88b5 || kind == 0x0800 {
			return header, frame
		}
	}
}

func TestCardsOnTapsReachEachOther(t *testing.T) {
	netnstest.Enter(t)
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	addBridge(t, "br0")
	for _, pairs := range []int{1, 2} {
		s := setup{pairs: pairs, features: FeatureMrgRXBuf, eventIdx: true}
		if pairs > 1 {
			s.features |= FeatureMQ | FeatureCtrlVQ
		}
		a := newTapCard(t, fmt.Sprint("a", pairs), "br0", cardMAC, s)
		b := newTapCard(t, fmt.Sprint("b", pairs), "br0", otherMAC, s)
		b.post(100, 1526)
		for _, length := range []int{60, 1514} {
			want := ethernet(otherMAC, cardMAC, length)
			a.transmit(plain(), want)
			if _, got := b.next(); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, or other ones: want %d", len(got), length)
			}
		}
		if pairs > 1 {
			for _, n := range []uint16{2, 1, 2} {
				if got := b.do(ctrlMQ, ctrlMQVQPairsSet, le16(n)); got != ctrlOK {
					t.Errorf("%d pairs: answer %d", n, got)
				}
			}
		}
		a.active.Deactivate()
		b.active.Deactivate()
	}
}

// tcp is an Ethernet frame of TCP over IPv4 with payload bytes, whose TCP
// checksum is of the pseudo header alone.
func tcp(to, from MAC, payload int) []byte {
	p := ethernet(to, from, 54+payload)
	binary.BigEndian.PutUint16(p[12:], 0x0800)
	ip := p[14:]
	clear(ip[:40])
	ip[0], ip[8], ip[9] = 0x45, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(40+payload))
	copy(ip[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(ip[10:], ^sumOf(0, ip[:20]))
	seg := ip[20:]
	binary.BigEndian.PutUint16(seg[0:], 1000)
	binary.BigEndian.PutUint16(seg[2:], 2000)
	seg[12], seg[13] = 0x50, 0x10
	binary.BigEndian.PutUint16(seg[16:], pseudo(ip, 20+payload))
	return p
}

func pseudo(ip []byte, length int) uint16 { return sumOf(uint32(6+length), ip[12:20]) }

// sumOf is the ones' complement sum of p.
func sumOf(s uint32, p []byte) uint16 {
	for ; len(p) > 1; p = p[2:] {
		s += uint32(p[0])<<8 | uint32(p[1])
	}
	if len(p) > 0 {
		s += uint32(p[0]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func tsoHeader() []byte {
	h := plain()
	h[headerFlags], h[headerGSOType] = flagNeedsCSUM, gsoTCPv4
	binary.LittleEndian.PutUint16(h[headerHdrLen:], 54)
	binary.LittleEndian.PutUint16(h[headerGSOSize:], 1448)
	binary.LittleEndian.PutUint16(h[headerCSUMStart:], 34)
	binary.LittleEndian.PutUint16(h[headerCSUMOffset:], 16)
	return h
}

func TestSegmentsPassWholeOrAreCut(t *testing.T) {
	netnstest.Enter(t)
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	addBridge(t, "br0")
	const payload = 60000
	sender := newTapCard(t, "a0", "br0", cardMAC, setup{features: FeatureMrgRXBuf | FeatureCSUM | FeatureHostTSO4, eventIdx: true})
	frame := tcp(otherMAC, cardMAC, payload)
	{ // a test within this one would run in the host's network
		b := newTapCard(t, "b0", "br0", otherMAC, setup{features: FeatureMrgRXBuf | FeatureGuestCSUM | FeatureGuestTSO4, eventIdx: true})
		b.post(200, 1526)
		sender.transmit(tsoHeader(), frame)
		header, got := b.next()
		if !bytes.Equal(got, frame) {
			t.Errorf("%d bytes, or other ones: want %d", len(got), len(frame))
		}
		if header[headerFlags]&flagNeedsCSUM == 0 || header[headerGSOType] != gsoTCPv4 || binary.LittleEndian.Uint16(header[headerGSOSize:]) != 1448 {
			t.Errorf("header %x", header)
		}
		b.active.Deactivate()
	}
	{
		b := newTapCard(t, "b1", "br0", otherMAC, setup{features: FeatureMrgRXBuf, eventIdx: true})
		b.post(200, 1526)
		sender.transmit(tsoHeader(), frame)
		var data []byte
		for len(data) < payload {
			header, got := b.next()
			if !bytes.Equal(header[:headerNumBuffers], make([]byte, headerNumBuffers)) {
				t.Fatalf("header %x", header)
			}
			ip := got[14 : 14+binary.BigEndian.Uint16(got[16:])]
			if sum := sumOf(uint32(pseudo(ip, len(ip)-20)), ip[20:]); sum != 0xffff {
				t.Errorf("TCP checksum is wrong: %#x", sum)
			}
			data = append(data, ip[40:]...)
		}
		if !bytes.Equal(data, frame[54:]) {
			t.Error("other bytes came")
		}
		b.active.Deactivate()
	}
	sender.active.Deactivate()
}

func TestATapThatIsRemovedPullsTheCable(t *testing.T) {
	netnstest.Enter(t)
	a := newTapCard(t, "a0", "", cardMAC, setup{features: FeatureMrgRXBuf | FeatureStatus})
	a.post(10, 1526)
	if err := tap.Remove("a0"); err != nil {
		t.Fatal(err)
	}
	<-a.active.ConfigChanges
	a.transmit(plain(), ethernet(broadcast, cardMAC, 60))
	a.active.Deactivate()
}

func TestWhatIsNoTapForACardIsRefused(t *testing.T) {
	netnstest.Enter(t)
	open := func(o tap.Options) []*os.File {
		t.Helper()
		opened, err := tap.Open("hull%d", o)
		if err != nil {
			t.Fatal(err)
		}
		return opened.Files
	}
	checkDescriptors(t)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, k := range []struct {
		files []*os.File
		want  string
	}{
		{nil, "no queues"},
		{[]*os.File{null}, "not a queue of a tap"},
		{[]*os.File{closed}, "use of closed file"},
		{open(tap.Options{}), "IFF_VNET_HDR"},
		{append(open(tap.Options{VNetHdr: true}), open(tap.Options{VNetHdr: true})...), "IFF_MULTI_QUEUE"},
	} {
		if _, err := NewTap(k.files); err == nil || !strings.Contains(err.Error(), k.want) {
			t.Errorf("%v, want %q", err, k.want)
		}
	}
}

func TestSocketsCarryBareFrames(t *testing.T) {
	for _, kind := range []int{unix.SOCK_DGRAM, unix.SOCK_SEQPACKET} {
		devicestest.CheckGoroutines(t)
		checkDescriptors(t)
		fds := socketPair(t, kind)
		backend, err := NewSocket(os.NewFile(uintptr(fds[0]), "socket"))
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(Config{Name: "eth0", MAC: cardMAC, Backend: backend, QueueSize: 64})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		if offers := d.Features() & (hostOffloads | guestOffloads | FeatureCtrlGuestOffloads); offers != 0 {
			t.Errorf("offloads %#x", offers)
		}
		w := &wire{t: t, f: os.NewFile(uintptr(fds[1]), "wire"), fd: fds[1]}
		t.Cleanup(func() { _ = w.f.Close() })
		c := &card{t: t, device: d, memory: virtqtest.NewMemory(t, 16<<20)}
		c.activate(setup{features: FeatureMrgRXBuf | FeatureStatus})
		c.post(60, 1526)
		for _, length := range []int{14, 60, 1514, 9014} {
			want := ethernet(cardMAC, otherMAC, length)
			w.send(want)
			header, got := c.frame()
			if !bytes.Equal(got, want) || !bytes.Equal(header[:headerNumBuffers], make([]byte, headerNumBuffers)) {
				t.Errorf("received %d bytes, or other ones: want %d; header %x", len(got), length, header)
			}
			c.transmit(plain(), want)
			if got := w.receive(); !bytes.Equal(got, want) {
				t.Errorf("sent %d bytes, or other ones: want %d", len(got), length)
			}
		}
		if kind == unix.SOCK_DGRAM { // an empty message is no end
			w.send(nil)
			w.send(ethernet(cardMAC, otherMAC, 60))
			c.frame()
		} else {
			_ = unix.Shutdown(w.fd, unix.SHUT_WR)
			<-c.active.ConfigChanges
		}
		c.active.Deactivate()
	}
	fds := socketPair(t, unix.SOCK_STREAM)
	defer unix.Close(fds[1])
	if _, err := NewSocket(os.NewFile(uintptr(fds[0]), "socket")); err == nil || !strings.Contains(err.Error(), "SOCK_DGRAM") {
		t.Errorf("a stream: %v", err)
	}
}
