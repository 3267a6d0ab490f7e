package vsock

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// What a guest must not say about a connection costs it that connection.
func TestPacketsThatBreakTheRulesOfAConnection(t *testing.T) {
	long := make([]byte, maxWindow+1)
	for _, test := range []struct {
		name  string
		begin []header // before
		h     header
		data  []byte
	}{
		{"no operation", nil, packet(opInvalid), nil},
		{"an unknown operation", nil, packet(8), nil},
		{"the largest operation", nil, packet(0xffff), nil},
		{"a second request", nil, packet(opRequest), nil},
		{"a response to nothing", nil, packet(opResponse), nil},
		{"data after the end", []header{shutdown(shutSend)}, packet(opRW), []byte("x")},
		{"more data than there is room for", nil, packet(opRW), long},
		{"a length beyond the packet", nil, func() header { h := packet(opRW); h.len = 2; return h }(), []byte("x")},
		{"the longest length", nil, func() header { h := packet(opRW); h.len = 1<<32 - 1; return h }(), []byte("x")},
		{"a length beyond the packet of no data", nil, func() header { h := packet(opCreditUpdate); h.len = 1; return h }(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, c := connected(t, Config{})
			for _, h := range test.begin {
				w.send(h, nil)
			}
			w.send(test.h, test.data)
			if h := w.want(opRst)[0]; h.srcPort != 9 || h.dstPort != 7 || h.typ != typeStream {
				t.Errorf("RST is %+v", h)
			}
			if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("the host reads %d bytes, %v", n, err)
			}
			if n := w.device.Stats().Connections; n != 0 {
				t.Errorf("%d connections are left", n)
			}
			// And nobody else.
			w.send(packet(opRequest), nil)
			w.wants(opResponse)
		})
	}
}

// What a guest says of connections that are not there is answered, or not.
func TestPacketsOfNoConnection(t *testing.T) {
	change := func(f func(h *header)) header {
		h := packet(opRW)
		f(&h)
		return h
	}
	for _, test := range []struct {
		name    string
		h       header
		answers []uint16
		stats   Stats
	}{
		{"data", packet(opRW), []uint16{opRst}, Stats{Refused: 1}},
		{"a response", packet(opResponse), []uint16{opRst}, Stats{Refused: 1}},
		{"a shutdown", shutdown(shutBoth), []uint16{opRst}, Stats{Refused: 1}},
		{"credit", packet(opCreditUpdate), []uint16{opRst}, Stats{Refused: 1}},
		{"a request for credit", packet(opCreditRequest), []uint16{opRst}, Stats{Refused: 1}},
		{"an unknown operation", packet(99), []uint16{opRst}, Stats{Refused: 1}},
		{"a length beyond the packet", change(func(h *header) { h.len = 1 << 31 }), []uint16{opRst}, Stats{Refused: 1}},
		{"a reset", packet(opRst), nil, Stats{}},
		{"a request where nobody listens", packet(opRequest), []uint16{opRst}, Stats{Refused: 1}},
		{"another type", change(func(h *header) { h.typ = 2 }), []uint16{opRst}, Stats{Refused: 1}},
		{"a reset of another type", change(func(h *header) { h.typ, h.op = 2, opRst }), nil, Stats{}},
		{"another guest's address", change(func(h *header) { h.srcCID++ }), nil, Stats{Dropped: 1}},
		{"an address with more bits", change(func(h *header) { h.srcCID |= 1 << 32 }), nil, Stats{Dropped: 1}},
		{"to another guest", change(func(h *header) { h.dstCID = 3 }), nil, Stats{Dropped: 1}},
		{"to itself", change(func(h *header) { h.dstCID = guestCID }), nil, Stats{Dropped: 1}},
		{"to the host's address with more bits", change(func(h *header) { h.dstCID |= 1 << 63 }), nil, Stats{Dropped: 1}},
		{"from the host", change(func(h *header) { h.srcCID = HostCID }), nil, Stats{Dropped: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, Config{})
			w.buffers(10, rxBufferSize)
			w.send(test.h, nil)
			for _, h := range w.want(test.answers...) {
				if want := test.h.reset(); h != want {
					t.Errorf("answer is %+v, want %+v", h, want)
				}
			}
			if got := w.device.Stats(); got != test.stats {
				t.Errorf("stats are %+v, want %+v", got, test.stats)
			}
		})
	}
}

// What a driver does to its queues that it cannot go on from.
func TestDriversThatBreakTheDevice(t *testing.T) {
	request := packet(opRequest).bytes()
	for _, test := range []struct {
		name string
		do   func(w *wire)
		want string
	}{
		{"a packet without a header", func(w *wire) {
			w.tx.Add([][]byte{request[:headerSize-1]}, nil)
		}, "tx queue: packet of 43 bytes"},
		{"a packet that only can be written", func(w *wire) {
			w.tx.Add(nil, []int{100})
		}, "tx queue: packet of 0 bytes"},
		{"a header outside of memory", func(w *wire) {
			w.tx.AddBuffers(virtqtest.Buffer{Addr: 1 << 40, Len: headerSize})
		}, "is not RAM"},
		{"a ring that jumps", func(w *wire) {
			w.tx.Split().PutAvail(1000)
			w.tx.Queue().Kick()
		}, "available index"},
		{"a buffer without room", func(w *wire) {
			w.rx.Add(nil, []int{headerSize})
			w.tx.Add([][]byte{request}, nil)
		}, "rx queue: buffer of 44 bytes"},
		{"a buffer that only can be read", func(w *wire) {
			w.rx.Add([][]byte{make([]byte, 100)}, nil)
			w.tx.Add([][]byte{request}, nil)
		}, "rx queue: buffer of 0 bytes"},
		{"a buffer outside of memory", func(w *wire) {
			w.rx.AddBuffers(virtqtest.Buffer{Addr: 1 << 40, Len: 4096, Write: true})
			w.tx.Add([][]byte{request}, nil)
		}, "is not RAM"},
		{"an event buffer without room", func(w *wire) {
			w.event.Add(nil, []int{3})
			w.device.Reset()
		}, "event queue: buffer of 3 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWire(t, Config{})
			test.do(w)
			w.tx.Kick()
			w.rx.Kick()
			if err := w.active.WaitBroken(t); !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want one that has %q", err, test.want)
			}
			// It goes on existing.
			if _, err := w.device.Dial(waitContext(t), 1); !errors.Is(err, errReset) {
				t.Errorf("dialing it: %v", err)
			}
			w.device.Pause()
			w.device.Resume()
		})
	}
}

func (h header) bytes() []byte {
	b := h.encode()
	return b[:]
}

// A connection is open when the data's address turns out wrong.
func TestDataOutsideOfMemoryBreaksTheDevice(t *testing.T) {
	for _, slow := range []bool{false, true} {
		w, c := connected(t, Config{})
		if slow {
			fillSocket(w, c)
		}
		h := packet(opRW)
		h.len = 100
		b := h.encode()
		at := w.tx.Memory.Alloc(headerSize)
		if err := w.tx.Memory.WriteAt(b[:], at); err != nil {
			t.Fatal(err)
		}
		w.tx.AddBuffers(virtqtest.Buffer{Addr: at, Len: headerSize}, virtqtest.Buffer{Addr: 1 << 40, Len: 100})
		w.tx.Kick()
		var access *mem.AccessError
		if err := w.active.WaitBroken(t); !errors.As(err, &access) {
			t.Errorf("slow %v: error is %v", slow, err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Errorf("slow %v: the host reads %v, want EOF", slow, err)
		}
	}
}

// fillSocket sends until the host's socket takes no more, and returns how much.
func fillSocket(w *wire, _ net.Conn) (sent int) {
	w.t.Helper()
	p := make([]byte, 16<<10)
	for {
		w.send(packet(opRW), p)
		sent += len(p)
		w.got()
		var backlog int
		s := w.device.session
		s.call(func() { backlog = s.table[key{host: 9, guest: 7}].backlog.n })
		if backlog > 0 {
			return sent
		}
	}
}

// RSTs that have no buffers to go to stop the device from taking packets, and
// nothing is lost.
func TestAStormOfRefusalsIsBounded(t *testing.T) {
	w := newWire(t, Config{})
	const storm = 3 * maxResets
	sent, got := 0, 0
	for got < storm {
		for sent < storm {
			h := packet(opRW)
			h.srcPort = uint32(sent)
			if _, ok := w.tx.TryAdd([][]byte{h.bytes()}, nil); !ok {
				break
			}
			sent++
		}
		w.tx.Kick()
		if got == 0 {
			// Without a buffer it takes as many as it may.
			for stuck := false; !stuck; {
				w.settle()
				stuck = true
				for {
					if _, ok := w.tx.Poll(); !ok {
						break
					}
					stuck = false
				}
				for sent < storm {
					h := packet(opRW)
					h.srcPort = uint32(sent)
					if _, ok := w.tx.TryAdd([][]byte{h.bytes()}, nil); !ok {
						break
					}
					sent++
				}
				w.tx.Kick()
			}
			if n := w.device.Stats().Refused; n != maxResets {
				t.Fatalf("%d packets were refused without a buffer, want %d", n, maxResets)
			}
		}
		w.buffers(50, rxBufferSize)
		w.settle()
		headers, _ := w.got()
		for _, h := range headers {
			if h.op != opRst || h.dstPort != uint32(got) {
				t.Fatalf("answer %d is %+v", got, h)
			}
			got++
		}
		for {
			if _, ok := w.tx.Poll(); !ok {
				break
			}
		}
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	host, accepted := answering()
	w := newWire(t, Config{Host: host, Connections: 3})
	w.buffers(100, rxBufferSize)
	for port := range uint32(5) {
		h := packet(opRequest)
		h.srcPort = port
		w.send(h, nil)
	}
	refused := 0
	for _, h := range w.wantsCount(5) {
		if h.op == opRst {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d requests of 5 were refused, want 2", refused)
	}
	if _, err := w.device.Dial(waitContext(t), 1); !errors.Is(err, errFull) {
		t.Errorf("dialing one more: %v", err)
	}
	for range 3 {
		c := <-accepted
		defer c.Close()
	}
	h := packet(opRst)
	h.srcPort = 1
	w.send(h, nil)
	h = packet(opRequest)
	h.srcPort = 50
	w.send(h, nil)
	w.wants(opResponse)
	_ = (<-accepted).Close()
}

func TestAGuestThatGivesUpItsRequestEndsTheDialing(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	host := hostFunc(func(ctx context.Context, _ uint32) (Socket, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	w := newWire(t, Config{Host: host})
	w.buffers(10, rxBufferSize)
	w.send(packet(opRequest), nil)
	<-begun
	w.send(packet(opRst), nil)
	<-ended
	w.want()
	if n := w.device.Stats().Connections; n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// Should the host's epoll ever fail, the device is lost, and nothing else.
func TestAPollerThatFailsBreaksTheDevice(t *testing.T) {
	w, c := connected(t, Config{})
	w.device.session.call(func() { w.device.session.poll.close() })
	if err := w.active.WaitBroken(t); err == nil {
		t.Error("there is no error")
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the host reads %d bytes, %v", n, err)
	}
	if _, err := w.device.Dial(waitContext(t), 1); !errors.Is(err, errReset) {
		t.Errorf("dialing it: %v", err)
	}
	w.device.Pause()
	w.device.Resume()
}
