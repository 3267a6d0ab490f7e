package net

import (
	"bytes"
	"testing"

	"github.com/hullvm/hull/mem"

	"golang.org/x/sys/unix"
)

func TestFramesGoOut(t *testing.T) {
	for _, eventIdx := range []bool{false, true} {
		c := newCard(t, setup{eventIdx: eventIdx})
		for _, length := range []int{14, 60, 1514, maxFrame} {
			want := ethernet(otherMAC, cardMAC, length)
			c.transmit(plain(), want)
			if got := c.backend.wires[0].receive(); !bytes.Equal(got, join(plain(), want)) {
				t.Errorf("frame of %d bytes: %d came, or other ones", length, len(got))
			}
		}
	}
}

func TestAFrameMayBeInAnyPieces(t *testing.T) {
	c := newCard(t, setup{size: 256})
	want := join(plain(), ethernet(otherMAC, cardMAC, 100))
	for _, size := range []int{1, 5, 12, 25, 27, 112} {
		var pieces [][]byte
		for p := want; len(p) > 0; p = p[min(size, len(p)):] {
			pieces = append(pieces, p[:min(size, len(p))])
		}
		c.tx(0).Do(t, pieces, []int{1}) // what can be written is not for this queue
		if got := c.backend.wires[0].receive(); !bytes.Equal(got, want) {
			t.Errorf("in pieces of %d: %x", size, got)
		}
	}
}

func TestABatchCostsOneNotification(t *testing.T) {
	c := newCard(t, setup{eventIdx: true})
	c.tx(0).Interrupts(false)
	for i := range 20 {
		if _, ok := c.tx(0).Stage([][]byte{plain(), ethernet(otherMAC, cardMAC, 60+i)}, nil); !ok {
			t.Fatal("the ring is full")
		}
	}
	c.tx(0).Publish()
	c.tx(0).Kick()
	for i := range 20 {
		if got := c.backend.wires[0].receive(); len(got) != HeaderSize+60+i {
			t.Errorf("frame %d: %d bytes", i, len(got))
		}
	}
	if c.tx(0).Kicks != 1 {
		t.Errorf("%d kicks", c.tx(0).Kicks)
	}
}

func TestFramesThatCannotBeAreDropped(t *testing.T) {
	good := ethernet(otherMAC, cardMAC, 60)
	for _, k := range []struct {
		name   string
		packet []byte
		config func(*Config)
		down   bool
		count  func(Counters) uint64
	}{
		{"nothing", []byte{1}, nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"runt", join(plain(), good[:13]), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"too long", join(plain(), make([]byte, maxFrame+1)), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"segments that were not negotiated", join([]byte{1, 1, 0, 0, 9, 0, 14, 0, 2, 0, 0, 0}, good), nil, false, func(c Counters) uint64 { return c.Invalid }},
		{"link down", join(plain(), good), nil, true, func(c Counters) uint64 { return c.LinkDown }},
		{"another's source", join(plain(), ethernet(cardMAC, otherMAC, 60)), func(c *Config) { c.AntiSpoof = true }, false, func(c Counters) uint64 { return c.Filtered }},
	} {
		t.Run(k.name, func(t *testing.T) {
			c := newCard(t, setup{config: k.config})
			if k.down {
				c.device.SetLink(false)
			}
			c.tx(0).Do(t, [][]byte{k.packet}, nil)
			if s := c.device.Sent(); k.count(s) != 1 || s.Frames != 0 {
				t.Errorf("counted %+v", s)
			}
			c.backend.wires[0].quiet()
			c.device.SetLink(true)
			c.transmit(plain(), good)
			if got := c.backend.wires[0].receive(); !bytes.Equal(got, join(plain(), good)) {
				t.Errorf("the next frame: %x", got)
			}
			if s := c.device.Sent(); s.Frames != 1 || s.Bytes != 60 {
				t.Errorf("counted %+v", s)
			}
		})
	}
}

func TestAFrameWithoutMemoryIsDropped(t *testing.T) {
	c := newCard(t, setup{})
	for _, at := range []uint64{1 << 40, 64<<20 - 30, 1<<63 - 50} {
		b := bufferAt(mem.Addr(at), 100)
		b.Write = false
		c.tx(0).AddBuffers(b)
		c.tx(0).Kick()
		c.tx(0).Wait(t)
	}
	if s := c.device.Sent(); s.Invalid+s.Refused != 3 {
		t.Errorf("counted %+v", s)
	}
	c.backend.wires[0].quiet()
}

func TestTooManyPiecesAreDropped(t *testing.T) {
	c := newCard(t, setup{size: 64, indirect: true})
	pieces := [][]byte{join(plain(), ethernet(otherMAC, cardMAC, 60))}
	for range 1023 {
		pieces = append(pieces, []byte{7})
	}
	c.tx(0).Do(t, pieces, nil)
	c.tx(0).Do(t, pieces[:1023], nil)
	if s := c.device.Sent(); s.Invalid != 1 || s.Frames != 1 {
		t.Errorf("counted %+v", s)
	}
	if got := c.backend.wires[0].receive(); len(got) != HeaderSize+60+1022 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestAFullBackendIsWaitedFor(t *testing.T) {
	c := newCard(t, setup{size: 64, eventIdx: true})
	if err := unix.SetsockoptInt(c.backend.ports[0].FD, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10); err != nil {
		t.Fatal(err)
	}
	c.tx(0).Interrupts(false)
	for i := range 30 {
		c.tx(0).Add([][]byte{plain(), ethernet(otherMAC, cardMAC, 1000+i)}, nil)
	}
	c.tx(0).Kick()
	c.eventually("the backend to be full", func() bool { return c.device.Sent().Frames > 0 })
	for i := range 30 {
		if got := c.backend.wires[0].receive(); !bytes.Equal(got[HeaderSize:], ethernet(otherMAC, cardMAC, 1000+i)) {
			t.Fatalf("frame %d: %d bytes, or other ones", i, len(got))
		}
	}
	for range 30 {
		c.tx(0).Wait(t)
	}
}

func TestABackendThatRefusesCostsTheFrame(t *testing.T) {
	c := newCard(t, setup{})
	_ = unix.Shutdown(c.backend.wires[0].fd, unix.SHUT_RDWR)
	c.transmit(plain(), ethernet(otherMAC, cardMAC, 60))
	if s := c.device.Sent(); s.Refused != 1 && s.LinkDown != 1 {
		t.Errorf("counted %+v", s)
	}
}

func TestHeadersAreHeldAgainstWhatWasNegotiated(t *testing.T) {
	const all = hostOffloads
	h := func(flags, kind byte, hdrLen, size, start, offset uint16) (f front) {
		f[headerFlags], f[headerGSOType] = flags, kind
		f.putLE16(headerHdrLen, hdrLen)
		f.putLE16(headerGSOSize, size)
		f.putLE16(headerCSUMStart, start)
		f.putLE16(headerCSUMOffset, offset)
		f.putLE16(headerNumBuffers, 0xffff)
		return f
	}
	for i, k := range []struct {
		in       front
		features uint64
		length   int
		want     any // error, or header
	}{
		{h(0, 0, 0, 0, 0, 0), 0, 60, h(0, 0, 0, 0, 0, 0)},
		{h(0xfe, 0, 5, 6, 7, 8), 0, 60, h(0, 0, 0, 0, 0, 0)},
		{h(1, 0, 5, 6, 34, 16), all, 60, h(1, 0, 0, 0, 34, 16)},
		{h(1, 0, 0, 0, 34, 16), all &^ FeatureCSUM, 60, errHeader},
		{h(1, 0, 0, 0, 34, 24), all, 60, h(1, 0, 0, 0, 34, 24)},
		{h(1, 0, 0, 0, 34, 25), all, 60, errHeader},
		{h(1, 0, 0, 0, 13, 0), all, 60, errHeader},
		{h(1, 0, 0, 0, 0xffff, 0xffff), all, maxFrame, errHeader},
		{h(1, gsoTCPv4, 54, 1448, 34, 16), all, 9000, h(1, gsoTCPv4, 54, 1448, 34, 16)},
		{h(1, gsoTCPv4, 65535, 1448, 34, 16), all, 9000, h(1, gsoTCPv4, 9000, 1448, 34, 16)},
		{h(1, gsoTCPv4, 54, 0, 34, 16), all, 9000, errHeader},
		{h(0, gsoTCPv4, 54, 1448, 34, 16), all, 9000, errHeader},
		{h(1, gsoTCPv4, 54, 1448, 34, 16), all &^ FeatureHostTSO4, 9000, errHeader},
		{h(1, gsoTCPv4|gsoECN, 54, 1448, 34, 16), all, 9000, h(1, gsoTCPv4|gsoECN, 54, 1448, 34, 16)},
		{h(1, gsoTCPv4|gsoECN, 54, 1448, 34, 16), all &^ FeatureHostECN, 9000, errHeader},
		{h(1, gsoTCPv6, 74, 1448, 54, 16), all, 9000, h(1, gsoTCPv6, 74, 1448, 54, 16)},
		{h(1, gsoTCPv6, 74, 1448, 54, 16), all &^ FeatureHostTSO6, 9000, errHeader},
		{h(1, gsoTCPv6|gsoECN, 74, 1448, 54, 16), all &^ FeatureHostECN, 9000, errHeader},
		{h(1, gsoUDP, 42, 1448, 34, 6), all, 9000, h(1, gsoUDP, 42, 1448, 34, 6)},
		{h(1, gsoUDP, 42, 1448, 34, 6), all &^ FeatureHostUFO, 9000, errHeader},
		{h(1, gsoUDPL4, 42, 1448, 34, 6), all, 9000, h(1, gsoUDPL4, 42, 1448, 34, 6)},
		{h(1, gsoUDPL4, 42, 1448, 34, 6), all &^ FeatureHostUSO, 9000, errHeader},
		{h(1, gsoUDP|gsoECN, 42, 1448, 34, 6), all, 9000, errHeader},
		{h(1, gsoECN, 42, 1448, 34, 6), all, 9000, errHeader},
		{h(1, 2, 42, 1448, 34, 6), all, 9000, errHeader},
		{h(1, 6, 42, 1448, 34, 6), all, 9000, errHeader},
	} {
		got := k.in
		err := got.checkSent(k.features, k.length)
		switch want := k.want.(type) {
		case error:
			if err == nil {
				t.Errorf("%d: accepted", i)
			}
		case front:
			want.putLE16(headerNumBuffers, 0)
			if err != nil || got != want {
				t.Errorf("%d: %x, %v; want %x", i, got, err, want)
			}
		}
	}
}

func TestLimitsHoldBothWays(t *testing.T) {
	limit := newFakeLimiter()
	c := newCard(t, setup{config: func(c *Config) { c.LimitRX, c.LimitTX = limit, limit }})
	c.post(8, 1526)
	for i := range 3 {
		frame := ethernet(broadcast, cardMAC, 60+i)
		c.tx(0).Add([][]byte{plain(), frame}, nil)
		c.tx(0).Kick()
		c.backend.wires[0].send(join(plain(), frame))
	}
	limit.eventually(t, "both directions to wait", func() bool { return limit.waiting == 2 })
	c.backend.wires[0].quiet()
	if n := c.device.Received().Frames; n != 0 {
		t.Fatalf("%d frames came in", n)
	}
	limit.allow(1000)
	for i := range 3 {
		if got := c.backend.wires[0].receive(); len(got) != HeaderSize+60+i {
			t.Errorf("frame %d out: %d bytes", i, len(got))
		}
		if _, got := c.frame(); len(got) != 60+i {
			t.Errorf("frame %d in: %d bytes", i, len(got))
		}
	}
	// What was sent may be seen before it is counted.
	limit.eventually(t, "all to be counted", func() bool { return limit.ops == 6 && limit.bytes == 2*(60+61+62) })
}

func TestALimitDoesNotHoldAPause(t *testing.T) {
	limit := newFakeLimiter()
	c := newCard(t, setup{config: func(c *Config) { c.LimitRX, c.LimitTX = limit, limit }})
	c.post(8, 1526)
	c.tx(0).Add([][]byte{plain(), ethernet(broadcast, cardMAC, 60)}, nil)
	c.tx(0).Kick()
	limit.eventually(t, "both directions to wait", func() bool { return limit.waiting == 2 })
	c.device.Pause()
	c.device.Resume()
	limit.allow(1000)
	c.backend.wires[0].receive()
}
