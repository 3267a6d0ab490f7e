package vsock

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
)

// hostReads takes n bytes from the host's end.
func hostReads(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if _, err := io.ReadFull(c, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNoMoreIsSentThanTheGuestHasRoomFor(t *testing.T) {
	w, c := connected(t, Config{})
	h := packet(opCreditUpdate)
	h.bufAlloc = 100
	w.send(h, nil)
	text := randomBytes(1000)
	if _, err := c.Write(text); err != nil {
		t.Fatal(err)
	}
	var got []byte
	take := func(want int) {
		t.Helper()
		devicestest.Eventually(t, "data", func() bool {
			_, data := w.got()
			got = append(got, data...)
			return len(got) >= want
		})
		w.settle()
		_, data := w.got()
		if got = append(got, data...); len(got) != want || !bytes.Equal(got, text[:want]) {
			t.Fatalf("%d bytes came, want %d", len(got), want)
		}
	}
	take(100)
	// It took some.
	h.fwdCnt = 30
	w.send(h, nil)
	take(130)
	// More room; then less than is on its way.
	h.bufAlloc = 150
	w.send(h, nil)
	take(180)
	h.bufAlloc = 0
	w.send(h, nil)
	take(180)
	h.bufAlloc, h.fwdCnt = 10, 100
	w.send(h, nil)
	take(180)
	// It says that it took what it was never sent: that is no room.
	h.bufAlloc, h.fwdCnt = 1000, 500
	w.send(h, nil)
	take(180)
	h.bufAlloc, h.fwdCnt = 1<<32-1, 180
	w.send(h, nil)
	take(1000)
}

func TestCreditIsAskedForOnce(t *testing.T) {
	w, c := connected(t, Config{})
	h := packet(opCreditUpdate)
	h.bufAlloc = 0
	w.send(h, nil)
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	w.wants(opCreditRequest)
	for range 5 { // answers that say nothing new
		w.send(h, nil)
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	w.settle()
	w.want()
	h.bufAlloc = 2
	w.send(h, nil)
	w.wants(opRW, opCreditRequest)
}

func TestCreditIsAnsweredAndOfferedInTime(t *testing.T) {
	w, c := connected(t, Config{})
	w.send(packet(opCreditRequest), nil)
	if h := w.want(opCreditUpdate)[0]; h.bufAlloc != maxWindow || h.fwdCnt != 0 {
		t.Errorf("update is %+v", h)
	}
	// What a host takes is told when it is a quarter of the window, not before.
	quarter := make([]byte, maxWindow/4)
	w.send(packet(opRW), quarter[1:])
	w.want()
	w.send(packet(opRW), quarter[:1])
	if h := w.want(opCreditUpdate)[0]; h.fwdCnt != maxWindow/4 {
		t.Errorf("update is %+v", h)
	}
	_ = hostReads(t, c, maxWindow/4)
	// Every packet tells it.
	w.send(packet(opRW), quarter[:10])
	if _, err := c.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if h := w.wants(opRW)[0]; h.fwdCnt != maxWindow/4+10 {
		t.Errorf("packet is %+v", h)
	}
}

func TestCountersWrapAround(t *testing.T) {
	w, c := connected(t, Config{})
	const near = 1<<32 - 1000
	s := w.device.session
	s.call(func() {
		st := s.table[key{host: 9, guest: 7}]
		st.sent, st.peerFwd = near, near
		st.received, st.forwarded, st.told = near, near, near
	})
	text := randomBytes(200 << 10)
	var got []byte
	fwd := uint32(near)
	go func() { _, _ = c.Write(text) }()
	devicestest.Eventually(t, "the text", func() bool {
		_, data := w.got()
		if len(data) > 0 {
			w.buffers(len(data)/4000+1, rxBufferSize)
			fwd += uint32(len(data))
			h := packet(opCreditUpdate)
			h.fwdCnt = fwd
			w.send(h, nil)
		}
		got = append(got, data...)
		return len(got) == len(text)
	})
	if !bytes.Equal(got, text) {
		t.Error("other bytes came")
	}
	read := make(chan []byte)
	go func() {
		p, _ := io.ReadAll(c)
		read <- p
	}()
	var last uint32
	for off := 0; off < len(text); off += 10 << 10 {
		h := packet(opRW)
		h.fwdCnt = fwd
		w.send(h, text[off:off+10<<10])
		headers, _ := w.got()
		for _, h := range headers {
			w.buffers(1, rxBufferSize)
			last = h.fwdCnt
		}
	}
	h := shutdown(shutSend)
	h.fwdCnt = fwd
	w.send(h, nil)
	if p := <-read; !bytes.Equal(p, text) {
		t.Errorf("the host read %d bytes, want %d", len(p), len(text))
	}
	if last > 1<<30 || last < maxWindow/4 {
		t.Errorf("the last count was %d", last)
	}
}

// A host that does not read holds no more than its window, and nobody else up.
func TestAHostThatDoesNotReadStopsOnlyItsStream(t *testing.T) {
	host, accepted := answering()
	g := newGuest(t, guestOptions{config: Config{Host: host}, event: true})
	stalled, err := g.connect(1)
	if err != nil {
		t.Fatal(err)
	}
	hostEnd := <-accepted
	defer hostEnd.Close()
	text := randomBytes(2 << 20)
	wrote := make(chan error, 1)
	go func() {
		_, err := stalled.Write(text)
		wrote <- err
	}()
	s := g.device.session
	devicestest.Eventually(t, "the stream to stall", func() (full bool) {
		s.call(func() {
			if st := s.table[stalled.key]; st != nil {
				full = st.untaken() == st.window && st.backlog.n == maxWindow
			}
		})
		return full
	})
	for range 3 {
		c, s := g.pairUp()
		converse(t, c, s)
	}
	select {
	case err := <-wrote:
		t.Fatalf("the stalled writer went on: %v", err)
	default:
	}
	if got := hostReads(t, hostEnd, len(text)); !bytes.Equal(got, text) {
		t.Error("other bytes came")
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// A guest's process that does not read stops only its stream.
func TestAGuestThatDoesNotReadStopsOnlyItsStream(t *testing.T) {
	g := newGuest(t, guestOptions{event: true})
	c, stalled := g.pairUp()
	text := randomBytes(2 << 20)
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(text)
		wrote <- err
	}()
	g.eventually("the stream to stall", func() bool { return len(stalled.in) == guestWindow })
	for range 3 {
		c, s := g.pairUp()
		converse(t, c, s)
	}
	p := make([]byte, len(text))
	if _, err := io.ReadFull(stalled, p); err != nil || !bytes.Equal(p, text) {
		t.Errorf("read %v, equal %v", err, bytes.Equal(p, text))
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// Streams take turns: one that has much to say does not keep others waiting.
func TestStreamsTakeTurns(t *testing.T) {
	host, accepted := answering()
	w := newWire(t, Config{Host: host})
	w.buffers(3, rxBufferSize)
	var conns []net.Conn
	for port := range uint32(3) {
		h := packet(opRequest)
		h.srcPort, h.bufAlloc = port, 1<<20
		w.send(h, nil)
		w.wants(opResponse)
		conns = append(conns, <-accepted)
		defer conns[port].Close()
	}
	w.device.Pause()
	for _, c := range conns {
		if _, err := c.Write(make([]byte, 150<<10)); err != nil {
			t.Fatal(err)
		}
	}
	w.device.Resume()
	seen := make(map[uint32]int)
	for n := 0; n < 3*quantum; {
		w.buffers(20, rxBufferSize)
		w.settle()
		headers, data := w.got()
		n += len(data)
		for _, h := range headers {
			seen[h.dstPort] += int(h.len)
		}
	}
	for port := range uint32(3) {
		if seen[port] == 0 {
			t.Errorf("port %d got nothing while others got %v", port, seen)
		}
	}
}
