package net

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFramesArriveInMergedBuffers(t *testing.T) {
	for _, eventIdx := range []bool{false, true} {
		for _, buffer := range []int{12, 13, 27, 1526, 65562} {
			for _, length := range []int{14, 60, 1514, 2049, 65549, maxFrame} {
				if need := (HeaderSize + length + buffer - 1) / buffer; need > 200 {
					continue
				}
				t.Run(fmt.Sprintf("event=%v buffers=%d frame=%d", eventIdx, buffer, length), func(t *testing.T) {
					c := newCard(t, setup{size: 256, features: FeatureMrgRXBuf, eventIdx: eventIdx})
					c.post(200, buffer)
					for round := range 3 { // with what is held from the first one
						want := ethernet(cardMAC, otherMAC, length)
						want[len(want)-1] = byte(round)
						c.backend.wires[0].send(join(plain(), want))
						header, got := c.frame()
						if !bytes.Equal(got, want) {
							t.Fatalf("round %d: %d bytes, or other ones: want %d", round, len(got), len(want))
						}
						if !bytes.Equal(header[:headerNumBuffers], make([]byte, headerNumBuffers)) {
							t.Errorf("header %x", header)
						}
						if need := (HeaderSize + length + buffer - 1) / buffer; need*(round+2) > 200 {
							break
						}
					}
				})
			}
		}
	}
}

func TestWithoutMergingEachFrameHasItsBuffer(t *testing.T) {
	c := newCard(t, setup{})
	c.post(4, 1526)
	w := c.backend.wires[0]
	w.send(join(plain(), ethernet(cardMAC, otherMAC, 1515))) // one byte too long
	for _, length := range []int{60, 1514, 14} {
		want := ethernet(cardMAC, otherMAC, length)
		w.send(join(plain(), want))
		header, got := c.frame()
		if !bytes.Equal(got, want) || header[headerNumBuffers] != 1 {
			t.Errorf("frame of %d bytes: got %d, header %x", length, len(got), header)
		}
	}
	if n := c.device.Received().NoRoom; n != 1 {
		t.Errorf("%d frames found no room, want 1", n)
	}
}

func TestAFrameWaitsForBuffers(t *testing.T) {
	c := newCard(t, setup{size: 64, features: FeatureMrgRXBuf, eventIdx: true})
	w := c.backend.wires[0]
	long, short := ethernet(cardMAC, otherMAC, 9000), ethernet(cardMAC, otherMAC, 60)
	w.send(join(plain(), long))
	w.send(join(plain(), short))
	// Buffers come one after the other, each with a notification if the device
	// wants it.
	for i := range 10 {
		c.rx(0).Add(nil, []int{1000})
		if !c.rx(0).Kick() && i < 9 {
			t.Fatalf("buffer %d: the device waits for none", i)
		}
		if i < 9 {
			c.eventually("the device to take the buffer", func() bool { return c.rx(0).Split().AvailEvent() == uint16(i+1) })
		}
	}
	if _, got := c.frame(); !bytes.Equal(got, long) {
		t.Errorf("%d bytes, or other ones: want %d", len(got), len(long))
	}
	c.post(1, 1000)
	if _, got := c.frame(); !bytes.Equal(got, short) {
		t.Errorf("%d bytes, or other ones: want %d", len(got), len(short))
	}
}

func TestAFrameThatTheRingCannotHoldIsDropped(t *testing.T) {
	for _, indirect := range []bool{false, true} {
		c := newCard(t, setup{size: 16, features: FeatureMrgRXBuf, indirect: indirect})
		for range 16 {
			c.rx(0).Add(nil, []int{100})
		}
		c.rx(0).Kick()
		w := c.backend.wires[0]
		w.send(join(plain(), ethernet(cardMAC, otherMAC, 9000)))
		want := ethernet(cardMAC, otherMAC, 60)
		w.send(join(plain(), want))
		if _, got := c.frame(); !bytes.Equal(got, want) {
			t.Errorf("%d bytes, or other ones", len(got))
		}
		if n := c.device.Received().NoRoom; n != 1 {
			t.Errorf("%d frames found no room, want 1", n)
		}
	}
}

func TestManyFramesComeInOrder(t *testing.T) {
	for bits := range 8 {
		s := setup{size: 32, packed: bits&2 != 0, inOrder: bits&4 != 0, eventIdx: true}
		size := 1526
		if bits&1 != 0 {
			s.features, size = FeatureMrgRXBuf, 500
		}
		c := newCard(t, s)
		const frames = 500
		go func() {
			for i := range frames {
				c.backend.wires[0].send(join(plain(), ethernet(cardMAC, otherMAC, 20+i%1400)))
			}
		}()
		c.post(32, size)
		for i := range frames {
			want := ethernet(cardMAC, otherMAC, 20+i%1400)
			header, got := c.frame()
			if !bytes.Equal(got, want) {
				t.Fatalf("frame %d: %d bytes, or other ones: want %d", i, len(got), len(want))
			}
			c.post(int(header[headerNumBuffers]), size)
		}
		if r := c.device.Received(); r.Frames != frames {
			t.Errorf("%d frames counted, want %d", r.Frames, frames)
		}
	}
}

func TestOnlyWantedFramesArrive(t *testing.T) {
	multicast := MAC{0x33, 0x33, 0, 0, 0, 1}
	gso := plain()
	gso[headerGSOType] = gsoTCPv4
	sum := plain()
	sum[headerFlags] = flagNeedsCSUM
	for _, k := range []struct {
		name   string
		packet []byte
		filter *filter
		down   bool
		count  func(Counters) uint64
	}{
		{"runt", join(plain(), make([]byte, 13)), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"half a header", make([]byte, 5), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"too long", join(plain(), ethernet(cardMAC, otherMAC, maxFrame+1)), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"segments that were not negotiated", join(gso, ethernet(cardMAC, otherMAC, 4000)), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"no checksum, which was not negotiated", join(sum, ethernet(cardMAC, otherMAC, 400)), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"link down", join(plain(), ethernet(cardMAC, otherMAC, 60)), nil, true, func(c Counters) uint64 { return c.LinkDown }},
		{"another's", join(plain(), ethernet(otherMAC, cardMAC, 60)), new(filter), false, func(c Counters) uint64 { return c.Filtered }},
		{"a group's", join(plain(), ethernet(multicast, otherMAC, 60)), new(filter), false, func(c Counters) uint64 { return c.Filtered }},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := newCard(t, setup{features: FeatureMrgRXBuf})
			c.post(60, 1526)
			if k.filter != nil {
				c.device.filter.Store(k.filter)
			}
			if k.down {
				c.device.SetLink(false)
			}
			c.backend.wires[0].send(k.packet)
			c.eventually("the frame to be counted", func() bool { return k.count(c.device.Received()) == 1 })
			c.device.SetLink(true)
			want := ethernet(broadcast, otherMAC, 60)
			c.backend.wires[0].send(join(plain(), want))
			if _, got := c.frame(); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, or other ones", len(got))
			}
		})
	}
}

func TestOffloadsReachTheDriver(t *testing.T) {
	const offloads = FeatureGuestCSUM | FeatureGuestTSO4 | FeatureGuestTSO6 | FeatureGuestECN
	c := newCard(t, setup{offloads: offloads, features: offloads | FeatureMrgRXBuf})
	c.post(60, 4096)
	header := []byte{flagNeedsCSUM | flagDataValid | 4, gsoTCPv4 | gsoECN, 54, 0, 0xb4, 5, 34, 0, 16, 0, 99, 99}
	want := ethernet(cardMAC, otherMAC, 60000)
	c.backend.wires[0].send(join(header, want))
	got, frame := c.frame()
	header[0] = flagNeedsCSUM | flagDataValid
	if !bytes.Equal(got[:headerNumBuffers], header[:headerNumBuffers]) || !bytes.Equal(frame, want) {
		t.Errorf("header %x, want %x, or frame differs", got, header)
	}
	if set, _ := c.backend.told(); len(set) != 1 || set[0] != offloads {
		t.Errorf("the backend was told %#x", set)
	}
}

func TestSegmentsNeedTheirOffload(t *testing.T) {
	for _, k := range []struct {
		kind           byte
		enough, little uint64
	}{
		{gsoTCPv4, FeatureGuestTSO4, FeatureGuestTSO6 | FeatureGuestECN},
		{gsoTCPv4 | gsoECN, FeatureGuestTSO4 | FeatureGuestECN, FeatureGuestTSO4},
		{gsoTCPv6, FeatureGuestTSO6, FeatureGuestTSO4 | FeatureGuestECN},
		{gsoTCPv6 | gsoECN, FeatureGuestTSO6 | FeatureGuestECN, FeatureGuestTSO6},
		{gsoUDPL4, FeatureGuestUSO4 | FeatureGuestUSO6, FeatureGuestTSO4 | FeatureGuestTSO6},
		{gsoNone, 0, 0},
		{gsoUDP, 0, guestOffloads},
		{gsoECN, 0, guestOffloads},
		{2, 0, guestOffloads},
	} {
		var f front
		f[headerGSOType] = k.kind
		if err := f.checkReceived(FeatureGuestCSUM | k.enough); (err == nil) != (k.enough != 0 || k.kind == gsoNone) {
			t.Errorf("type %#x with %#x: %v", k.kind, k.enough, err)
		}
		if err := f.checkReceived(FeatureGuestCSUM | k.little); (err == nil) != (k.kind == gsoNone) {
			t.Errorf("type %#x with %#x: %v", k.kind, k.little, err)
		}
	}
}

func TestBuffersThatAreNoMemoryBreakTheQueue(t *testing.T) {
	c := newCard(t, setup{features: FeatureMrgRXBuf})
	c.rx(0).AddBuffers(bufferAt(1<<40, 1526))
	c.rx(0).Kick()
	c.backend.wires[0].send(join(plain(), ethernet(cardMAC, otherMAC, 60)))
	c.active.WaitBroken(t)

	c = newCard(t, setup{features: FeatureMrgRXBuf})
	c.rx(0).Add([][]byte{{1}}, nil)
	c.rx(0).Kick()
	c.active.WaitBroken(t)
}

func TestABackendThatEndsPullsTheCable(t *testing.T) {
	c := newCard(t, setup{features: FeatureMrgRXBuf | FeatureStatus})
	c.post(4, 1526)
	_ = unix.Shutdown(c.backend.wires[0].fd, unix.SHUT_RDWR)
	<-c.active.ConfigChanges
	if c.device.linkUp() {
		t.Error("the link is up")
	}
	c.transmit(plain(), ethernet(otherMAC, cardMAC, 60)) // still given back
}
