package vsock

import (
	"io"
	"net"
	"testing"

	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// BenchmarkRoundTrip is a byte from the monitor to a guest's process and one back.
func BenchmarkRoundTrip(b *testing.B) {
	g := newGuest(b, guestOptions{event: true})
	c, s := g.pairUp()
	go func() { _, _ = io.Copy(s, s) }()
	p := make([]byte, 1)
	for b.Loop() {
		if _, err := c.Write(p); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, p); err != nil {
			b.Fatal(err)
		}
	}
	s.rst()
}

// benchGuest is a driver that does as little as it can beside the device.
type benchGuest struct {
	*wire
	conn    *net.UnixConn
	buffers map[virtqtest.Token]mem.Addr
	size    uint32
	h       header // of the packets it sends
	told    header // the last that it got
	got     uint32
	packet  mem.Addr
}

const benchPacket = 64 << 10 // a Linux guest's largest

func newBenchGuest(b *testing.B, rxSize uint32) *benchGuest {
	w, c := connected(b, Config{})
	w.got()
	g := &benchGuest{wire: w, conn: c, buffers: make(map[virtqtest.Token]mem.Addr), size: rxSize, h: packet(opRW)}
	m := w.rx.Memory
	for range 20 {
		g.give(m.Alloc(uint64(rxSize)))
	}
	g.packet = m.Alloc(benchPacket)
	return g
}

func (g *benchGuest) give(at mem.Addr) {
	g.buffers[g.rx.AddBuffers(virtqtest.Buffer{Addr: at, Len: g.size, Write: true})] = at
}

// take looks at what came.
func (g *benchGuest) take() {
	for {
		u, ok := g.rx.Poll()
		if !ok {
			break
		}
		var b [headerSize]byte
		at, mine := g.buffers[u.Token]
		if !mine { // one of those before
			g.told = parseHeader((*[headerSize]byte)(u.Bytes()))
			g.got += g.told.len
			continue
		}
		if err := g.rx.Memory.ReadAt(b[:], at); err != nil {
			g.t.Fatal(err)
		}
		delete(g.buffers, u.Token)
		g.told = parseHeader(&b)
		g.got += g.told.len
		g.give(at)
	}
	g.rx.Kick()
}

// header makes a header for the next packet in guest memory.
func (g *benchGuest) header(h header) mem.Addr {
	at := g.tx.Memory.Alloc(headerSize)
	b := h.encode()
	if err := g.tx.Memory.WriteAt(b[:], at); err != nil {
		g.t.Fatal(err)
	}
	return at
}

func BenchmarkFromGuest(b *testing.B) {
	g := newBenchGuest(b, rxBufferSize)
	g.told.bufAlloc = maxWindow
	read := make(chan struct{})
	go func() {
		defer close(read)
		p := make([]byte, 256<<10)
		for {
			if _, err := g.conn.Read(p); err != nil {
				return
			}
		}
	}()
	g.h.len = benchPacket
	at := g.header(g.h)
	sent := uint32(0)
	b.SetBytes(benchPacket)
	for b.Loop() {
		for g.take(); g.told.bufAlloc-(sent-g.told.fwdCnt) < benchPacket; g.take() {
			<-g.rx.Interrupt.C
		}
		g.tx.AddBuffers(virtqtest.Buffer{Addr: at, Len: headerSize}, virtqtest.Buffer{Addr: g.packet, Len: benchPacket})
		g.tx.Kick()
		sent += benchPacket
		for ok := true; ok; {
			_, ok = g.tx.Poll()
		}
	}
	_ = g.conn.Close()
	<-read
}

func BenchmarkFromHost(b *testing.B) {
	for name, size := range map[string]uint32{"4KiB": 4096, "64KiB": 64 << 10} {
		b.Run(name, func(b *testing.B) {
			g := newBenchGuest(b, size)
			h := packet(opCreditUpdate)
			h.bufAlloc = 1 << 31
			g.send(h, nil)
			go func() {
				p := make([]byte, benchPacket)
				for {
					if _, err := g.conn.Write(p); err != nil {
						return
					}
				}
			}()
			told := uint32(0)
			b.SetBytes(benchPacket)
			for b.Loop() {
				for begin := g.got; g.got-begin < benchPacket; g.take() {
					<-g.rx.Interrupt.C
				}
				if g.got-told > 1<<30 {
					told, h.fwdCnt = g.got, g.got
					g.tx.AddBuffers(virtqtest.Buffer{Addr: g.header(h), Len: headerSize})
					g.tx.Kick()
				}
			}
			_ = g.conn.Close()
		})
	}
}
