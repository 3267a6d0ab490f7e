package net

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
	"github.com/hullvm/hull/vmstate/vmstatetest"

	"golang.org/x/sys/unix"
)

// patience bounds the wait for what must come. Only a failing test waits that
// long.
const patience = 10 * time.Second

var (
	cardMAC  = MAC{0x02, 0, 0, 0, 0, 1}
	otherMAC = MAC{0x02, 0, 0, 0, 0, 2}
)

// fakeBackend is sockets whose other ends the test holds: frames with headers, as
// from a tap.
type fakeBackend struct {
	offloads uint64
	ports    []Port
	wires    []*wire

	mu       sync.Mutex // guards what follows
	set      []uint64   // SetOffloads
	pairs    []int      // SetPairs
	setError error
	closed   int
}

// wire is the test's end of a port.
type wire struct {
	t  testing.TB
	f  *os.File
	fd int
}

func newFakeBackend(t testing.TB, pairs int, offloads uint64) *fakeBackend {
	t.Helper()
	b := &fakeBackend{offloads: offloads}
	for range pairs {
		fds := socketPair(t, unix.SOCK_SEQPACKET)
		b.ports = append(b.ports, Port{FD: fds[0], Header: true, Stream: true})
		w := &wire{t: t, f: os.NewFile(uintptr(fds[1]), "wire"), fd: fds[1]}
		t.Cleanup(func() { _ = w.f.Close() })
		b.wires = append(b.wires, w)
	}
	return b
}

func socketPair(t testing.TB, kind int) [2]int {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds
}

func (b *fakeBackend) Offloads() uint64 { return b.offloads }

func (b *fakeBackend) SetOffloads(f uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set = append(b.set, f)
	return b.setError
}

func (b *fakeBackend) Ports() []Port { return b.ports }

func (b *fakeBackend) SetPairs(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pairs = append(b.pairs, n)
	return nil
}

func (b *fakeBackend) Close() error {
	b.closed++
	for _, p := range b.ports {
		_ = unix.Close(p.FD)
	}
	return nil
}

// told is what the backend was told so far.
func (b *fakeBackend) told() (offloads []uint64, pairs []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.set, b.pairs
}

func (b *fakeBackend) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.setError = err
}

// send puts a frame on the wire, with whatever stands before it.
func (w *wire) send(p []byte) {
	w.t.Helper()
	if err := w.f.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.f.Write(p); err != nil {
		w.t.Fatalf("wire: %v", err)
	}
}

// receive takes the next frame from the wire.
func (w *wire) receive() []byte {
	w.t.Helper()
	if err := w.f.SetReadDeadline(time.Now().Add(patience)); err != nil {
		w.t.Fatal(err)
	}
	p := make([]byte, 1<<17)
	n, err := w.f.Read(p)
	if err != nil {
		w.t.Fatalf("wire: %v", err)
	}
	return p[:n]
}

// quiet fails the test where there is a frame on the wire.
func (w *wire) quiet() {
	w.t.Helper()
	p := make([]byte, 1<<17)
	if n, err := unix.Read(w.fd, p); err == nil {
		w.t.Errorf("a frame of %d bytes on the wire", n)
	}
}

// card is a device with its drivers.
type card struct {
	t       testing.TB
	device  *Device
	backend *fakeBackend
	memory  *virtqtest.Memory
	queues  []*virtqtest.Driver // as the device numbers them
	active  *virtqtest.Active
}

// setup is what newCard can be told.
type setup struct {
	pairs    int // 0 for one
	size     uint16
	offloads uint64 // the backend's
	features uint64 // that the driver takes, beside VERSION_1
	eventIdx bool
	indirect bool
	packed   bool
	inOrder  bool
	config   func(*Config)
}

func newCard(t testing.TB, s setup) *card {
	t.Helper()
	c := newIdleCard(t, s)
	c.activate(s)
	return c
}

// newIdleCard is newCard that no driver has activated.
func newIdleCard(t testing.TB, s setup) *card {
	t.Helper()
	s.pairs = max(s.pairs, 1)
	if s.size == 0 {
		s.size = 64
	}
	devicestest.CheckGoroutines(t)
	checkDescriptors(t)
	c := &card{t: t, backend: newFakeBackend(t, s.pairs, s.offloads), memory: virtqtest.NewMemory(t, 64<<20)}
	config := Config{Name: "eth0", MAC: cardMAC, QueuePairs: s.pairs, QueueSize: s.size, Backend: c.backend}
	if s.config != nil {
		s.config(&config)
	}
	var err error
	if c.device, err = New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.device.Close(); err != nil {
			t.Error(err)
		}
	})
	if wrong := s.features &^ c.device.Features(); wrong != 0 {
		t.Fatalf("features %#x are not offered", wrong)
	}
	return c
}

// restored is the card of another machine that was made of this one, which is
// paused: held, with a copy of the drivers and their memory.
func (c *card) restored(s setup) *card {
	c.t.Helper()
	again := newIdleCard(c.t, s)
	if err := vmstatetest.Load(again.device, vmstatetest.Bytes(c.t, c.device)); err != nil {
		c.t.Fatal(err)
	}
	again.memory = c.memory.Copy(c.t)
	for _, q := range c.queues {
		again.queues = append(again.queues, q.Move(c.t, again.memory))
	}
	again.active = virtqtest.ActivateHeld(c.t, again.device, s.features, again.queues...)
	return again
}

// activate makes new queues and gives them to the device.
func (c *card) activate(s setup) {
	c.t.Helper()
	c.queues = nil
	for i, size := range c.device.QueueSizes() {
		c.queues = append(c.queues, virtqtest.New(c.t, virtqtest.Options{
			Index: i, Size: size, EventIndex: s.eventIdx, Indirect: s.indirect, Packed: s.packed, InOrder: s.inOrder,
			Memory: c.memory,
		}))
	}
	c.active = virtqtest.Activate(c.t, c.device, s.features, c.queues...)
}

func (c *card) rx(pair int) *virtqtest.Driver { return c.queues[2*pair] }
func (c *card) tx(pair int) *virtqtest.Driver { return c.queues[2*pair+1] }

// post gives the device receive buffers of one size.
func (c *card) post(count, size int) {
	c.t.Helper()
	for range count {
		c.rx(0).Add(nil, []int{size})
	}
	c.rx(0).Kick()
}

// frame takes a received frame, of as many buffers as its header says, and
// checks that they are there together.
func (c *card) frame() (header, frame []byte) {
	c.t.Helper()
	first := c.rx(0).Wait(c.t).Bytes()
	if len(first) < HeaderSize {
		c.t.Fatalf("a first buffer of %d bytes", len(first))
	}
	header, frame = first[:HeaderSize], first[HeaderSize:]
	for range int(header[headerNumBuffers]) | int(header[headerNumBuffers+1])<<8 - 1 {
		u, ok := c.rx(0).Poll()
		if !ok {
			c.t.Fatalf("not all of %d buffers are there", header[headerNumBuffers])
		}
		frame = append(frame, u.Bytes()...)
	}
	return header, frame
}

// transmit sends a frame and waits until the device gives it back.
func (c *card) transmit(header, frame []byte) {
	c.t.Helper()
	if u := c.tx(0).Do(c.t, [][]byte{header, frame}, nil); u.Written != 0 {
		c.t.Errorf("a sent frame came back with %d bytes", u.Written)
	}
}

// ethernet is a frame of length bytes, with a pattern behind its addresses.
func ethernet(to, from MAC, length int) []byte {
	p := make([]byte, length)
	for i := range p {
		p[i] = byte(i*7 + i>>8 + length)
	}
	copy(p, to[:])
	copy(p[macSize:], from[:])
	p[12], p[13] = 0x88, 0xb5 // for experiments
	return p
}

func plain() []byte { return make([]byte, HeaderSize) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// eventually waits until holds does.
func (c *card) eventually(what string, holds func() bool) {
	c.t.Helper()
	devicestest.Eventually(c.t, what, holds)
}

// checkDescriptors fails a test that leaves descriptors open.
func checkDescriptors(t testing.TB) {
	t.Helper()
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	t.Cleanup(func() {
		if after := count(); after > before {
			t.Errorf("%d descriptors open, %d before", after, before)
		}
	})
}

var errFake = errors.New("fake")

// bufferAt is a buffer for the device to write, anywhere.
func bufferAt(at mem.Addr, n uint32) virtqtest.Buffer {
	return virtqtest.Buffer{Addr: at, Len: n, Write: true}
}
