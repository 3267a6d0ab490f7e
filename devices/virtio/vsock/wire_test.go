package vsock

import (
	"net"
	"slices"
	"testing"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// wire is a guest that sends and sees packets as they are.
type wire struct {
	t      testing.TB
	device *Device
	active *virtqtest.Active

	rx, tx, event *virtqtest.Driver
}

func newWire(t testing.TB, c Config) *wire {
	t.Helper()
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	if c.CID == 0 {
		c.CID = guestCID
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	m := virtqtest.NewMemory(t, 16<<20)
	driver := func(index int) *virtqtest.Driver {
		return virtqtest.New(t, virtqtest.Options{Index: index, Size: 128, Memory: m})
	}
	w := &wire{t: t, device: d, rx: driver(queueRX), tx: driver(queueTX), event: driver(queueEvent)}
	w.event = virtqtest.New(t, virtqtest.Options{Index: queueEvent, Size: 8, Memory: m})
	w.active = virtqtest.Activate(t, d, FeatureStream, w.rx, w.tx, w.event)
	return w
}

// buffers gives the device n buffers of size bytes.
func (w *wire) buffers(n, size int) {
	for range n {
		w.rx.Add(nil, []int{size})
	}
	w.rx.Kick()
}

// send sends a packet, whose length is that of data unless it says something else,
// and waits until the device has dealt with all that follows from it.
func (w *wire) send(h header, data []byte) {
	w.t.Helper()
	if h.len == 0 {
		h.len = uint32(len(data))
	}
	b := h.encode()
	w.raw(append(b[:], data...))
}

func (w *wire) raw(p []byte) {
	w.t.Helper()
	token := w.tx.Add([][]byte{p}, nil)
	w.tx.Kick()
	w.tx.WaitFor(w.t, token)
	w.settle()
}

// settle waits until the device has nothing to do.
func (w *wire) settle() {
	w.t.Helper()
	w.device.mu.Lock()
	s := w.device.session
	w.device.mu.Unlock()
	devicestest.Eventually(w.t, "the device to have nothing to do", func() (idle bool) {
		s.call(func() { idle = !s.busy() })
		return idle
	})
}

// got is the packets that have come.
func (w *wire) got() (headers []header, data []byte) {
	w.t.Helper()
	for {
		u, ok := w.rx.Poll()
		if !ok {
			return headers, data
		}
		p := u.Bytes()
		if len(p) < headerSize {
			w.t.Fatalf("the device wrote a packet of %d bytes", len(p))
		}
		h := parseHeader((*[headerSize]byte)(p))
		if int(h.len) != len(p)-headerSize || h.srcCID != HostCID || h.dstCID != w.device.config.CID {
			w.t.Fatalf("the device wrote %d bytes, header %+v", len(p), h)
		}
		headers = append(headers, h)
		data = append(data, p[headerSize:]...)
	}
}

// want fails the test unless packets with exactly these operations have come.
func (w *wire) want(ops ...uint16) []header {
	w.t.Helper()
	headers, _ := w.got()
	var got []uint16
	for _, h := range headers {
		got = append(got, h.op)
	}
	if !slices.Equal(got, ops) {
		w.t.Fatalf("operations %v came, want %v", got, ops)
	}
	return headers
}

// wants waits for packets with exactly these operations, for what begins on the
// host's side.
func (w *wire) wants(ops ...uint16) (headers []header) {
	w.t.Helper()
	headers = w.wantsCount(len(ops))
	var got []uint16
	for _, h := range headers {
		got = append(got, h.op)
	}
	if !slices.Equal(got, ops) {
		w.t.Fatalf("operations %v came, want %v", got, ops)
	}
	return headers
}

// wantsLast waits for a packet of this operation. How often credit was asked for
// or given before it depends on how fast the host reads.
func (w *wire) wantsLast(op uint16) {
	w.t.Helper()
	devicestest.Eventually(w.t, "a packet", func() bool {
		headers, _ := w.got()
		for _, h := range headers {
			if h.op == op {
				return true
			}
			if h.op != opCreditRequest && h.op != opCreditUpdate {
				w.t.Fatalf("operation %d came, want %d", h.op, op)
			}
		}
		return false
	})
	w.settle()
}

// wantsCount waits for n packets.
func (w *wire) wantsCount(n int) (headers []header) {
	w.t.Helper()
	devicestest.Eventually(w.t, "packets", func() bool {
		more, _ := w.got()
		headers = append(headers, more...)
		return len(headers) >= n
	})
	w.settle()
	more, _ := w.got()
	headers = append(headers, more...)
	if len(headers) != n {
		w.t.Fatalf("%d packets came, want %d", len(headers), n)
	}
	return headers
}

// packet is one of a connection of port 7 of the guest's to port 9 of the host's.
func packet(op uint16) header {
	return header{
		srcCID: guestCID, dstCID: HostCID, srcPort: 7, dstPort: 9,
		typ: typeStream, op: op, bufAlloc: guestWindow,
	}
}

// shutdown is a SHUTDOWN of it.
func shutdown(flags uint32) header {
	h := packet(opShutdown)
	h.flags = flags
	return h
}

// connected is a wire with that connection and buffers, and the host's end of it.
func connected(t testing.TB, c Config) (*wire, *net.UnixConn) {
	t.Helper()
	host, accepted := answering()
	c.Host = host
	w := newWire(t, c)
	w.buffers(100, rxBufferSize)
	w.send(packet(opRequest), nil)
	w.wants(opResponse)
	conn := <-accepted
	t.Cleanup(func() {
		_ = conn.Close()
		for len(accepted) > 0 { // what no test took
			_ = (<-accepted).Close()
		}
	})
	return w, conn
}
