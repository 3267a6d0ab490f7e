package vsock

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

const guestCID = 42

// rxBufferSize is what a Linux guest's buffers hold, header included.
const rxBufferSize = 4096

// guest is a guest's kernel: a driver of the three queues and the sockets on it.
// It keeps to the credit that it is given, and checks that the device does.
type guest struct {
	t      testing.TB
	device *Device
	active *virtqtest.Active

	rx, tx, event *virtqtest.Driver

	calls chan func()
	quit  chan struct{}
	done  chan struct{}

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	socks   map[key]*sock
	listens map[uint32][]*sock // by port: accepted, not taken yet
	control []header           // to be sent before data
	ring    []*sock            // those with data to be sent, in turns
	events  int
	asked   int      // CREDIT_REQUESTs that came
	strays  []header // packets to no socket
	stopped bool
	port    uint32 // the last one given
	cid     uint64 // as it was read last
	deaf    bool   // it does not look at the event queue
}

type guestOptions struct {
	config    Config
	packed    bool
	event     bool // VIRTIO_F_EVENT_IDX
	indirect  bool
	inOrder   bool
	rxSize    uint16
	txSize    uint16
	noEvents  bool // no buffers in the event queue
	memory    *virtqtest.Memory
	rxBuffers int // fewer than fit, for a guest that starves the device
}

func newGuest(t testing.TB, o guestOptions) *guest {
	t.Helper()
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	if o.config.CID == 0 {
		o.config.CID = guestCID
	}
	d, err := New(o.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return bootGuest(t, d, o)
}

// bootGuest lets a driver loose on a device.
func bootGuest(t testing.TB, d *Device, o guestOptions) *guest {
	t.Helper()
	if o.rxSize == 0 {
		o.rxSize = 64
	}
	if o.txSize == 0 {
		o.txSize = 64
	}
	if o.memory == nil {
		o.memory = virtqtest.NewMemory(t, 64<<20)
	}
	g := blankGuest(t, d)
	g.readCID()
	driver := func(index int, size uint16) *virtqtest.Driver {
		return virtqtest.New(t, virtqtest.Options{
			Index: index, Size: size, Memory: o.memory,
			Packed: o.packed, EventIndex: o.event, Indirect: o.indirect, InOrder: o.inOrder,
		})
	}
	g.rx, g.tx, g.event = driver(queueRX, o.rxSize), driver(queueTX, o.txSize), driver(queueEvent, 8)
	if o.rxBuffers == 0 {
		o.rxBuffers = int(o.rxSize)
	}
	for range o.rxBuffers {
		if _, ok := g.rx.TryAdd(nil, []int{rxBufferSize}); !ok {
			break
		}
	}
	if !o.noEvents {
		for range 8 {
			g.event.Add(nil, []int{eventSize})
		}
	}
	g.active = virtqtest.Activate(t, d, FeatureStream, g.rx, g.tx, g.event)
	go g.run()
	t.Cleanup(g.stop)
	return g
}

func blankGuest(t testing.TB, d *Device) *guest {
	g := &guest{
		t: t, device: d,
		calls:   make(chan func()),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		socks:   make(map[key]*sock),
		listens: make(map[uint32][]*sock),
		port:    1023,
	}
	g.changed.L = &g.mu
	return g
}

func (g *guest) readCID() {
	var b [configSize]byte
	g.device.ReadConfig(0, b[:])
	g.cid = binary.LittleEndian.Uint64(b[:])
}

// stop ends the guest's own goroutine; the device stays.
func (g *guest) stop() {
	select {
	case <-g.quit:
	default:
		close(g.quit)
	}
	<-g.done
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	g.changed.Broadcast()
	for _, s := range g.socks {
		s.end(errReset)
	}
}

// do runs f on the guest's goroutine.
func (g *guest) do(f func()) {
	g.t.Helper()
	done := make(chan struct{})
	select {
	case g.calls <- func() { defer close(done); f() }:
		<-done
	case <-g.done:
	}
}

func (g *guest) run() {
	defer close(g.done)
	for {
		g.mu.Lock()
		g.receive()
		g.reclaim()
		g.takeEvents()
		g.send()
		g.mu.Unlock()
		select {
		case f := <-g.calls:
			f()
		case <-g.rx.Interrupt.C:
		case <-g.tx.Interrupt.C:
		case <-g.event.Interrupt.C:
		case <-g.quit:
			return
		}
	}
}

// receive takes what the device delivered.
func (g *guest) receive() {
	for {
		u, ok := g.rx.Poll()
		if !ok {
			break
		}
		p := u.Bytes()
		g.rx.Add(nil, []int{rxBufferSize})
		if len(p) < headerSize {
			g.t.Errorf("the device wrote a packet of %d bytes", len(p))
			continue
		}
		h := parseHeader((*[headerSize]byte)(p))
		if int(h.len) != len(p)-headerSize || h.srcCID != HostCID || h.dstCID != g.cid {
			g.t.Errorf("the device wrote %d bytes, header %+v", len(p), h)
			continue
		}
		g.packet(h, p[headerSize:])
	}
	g.rx.Kick()
}

func (g *guest) reclaim() {
	for {
		if _, ok := g.tx.Poll(); !ok {
			return
		}
	}
}

func (g *guest) takeEvents() {
	for !g.deaf {
		u, ok := g.event.Poll()
		if !ok {
			break
		}
		if p := u.Bytes(); len(p) != eventSize || binary.LittleEndian.Uint32(p) != eventTransportReset {
			g.t.Errorf("event is %x", p)
		}
		g.events++
		g.event.Add(nil, []int{eventSize})
		g.readCID()
		for _, s := range g.socks {
			if s.state == sockConnected {
				s.end(errReset)
			}
		}
	}
	g.event.Kick()
	g.changed.Broadcast()
}

// send gives the device what there is, in turns of sockets.
func (g *guest) send() {
	for len(g.control) > 0 {
		h := g.control[0].encode()
		if _, ok := g.tx.TryAdd([][]byte{h[:]}, nil); !ok {
			break
		}
		g.control = g.control[1:]
	}
	for skipped := 0; len(g.control) == 0 && skipped < len(g.ring); {
		s := g.ring[0]
		g.ring = g.ring[1:]
		n := min(len(s.out), int(s.credit()), 64<<10)
		if n > 0 {
			h := s.header(opRW)
			h.len = uint32(n)
			b := h.encode()
			if _, ok := g.tx.TryAdd([][]byte{b[:], s.out[:n]}, nil); !ok {
				g.ring = append([]*sock{s}, g.ring...)
				break
			}
			s.out = s.out[n:]
			s.txCount += uint32(n)
			skipped = 0
		} else {
			skipped++
		}
		if len(s.out) == 0 {
			s.out, s.inRing = nil, false
			s.finishSend()
			s.changed.Broadcast()
			continue
		}
		g.ring = append(g.ring, s)
	}
	g.tx.Kick()
}

// eventually waits until holds does.
func (g *guest) eventually(what string, holds func() bool) {
	g.t.Helper()
	devicestest.Eventually(g.t, what, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return holds()
	})
}

// wait waits for changes until holds does; mu is held. Only a failing test waits
// as long as it can take.
func (g *guest) wait(changed *sync.Cond, what string, holds func() bool) {
	const deadline = 60 * time.Second
	timeout := time.AfterFunc(deadline, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		changed.Broadcast()
	})
	defer timeout.Stop()
	for end := time.Now().Add(deadline); !holds(); changed.Wait() {
		if time.Now().After(end) {
			panic(fmt.Sprintf("waited %v for %s", deadline, what))
		}
	}
}
