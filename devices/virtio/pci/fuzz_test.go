package pci

import (
	"testing"

	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// watched is a loopback that panics where it is used out of turn.
type watched struct {
	loopback
	active bool
}

func (w *watched) Activate(a *virtio.Activation) error {
	w.turn(false)
	err := w.loopback.Activate(a)
	w.active = err == nil
	return err
}

func (w *watched) Deactivate() {
	w.turn(true)
	w.active = false
	w.loopback.Deactivate()
}

func (w *watched) Pause() {
	w.turn(true)
	w.loopback.Pause()
}

func (w *watched) Resume() {
	w.turn(true)
	w.loopback.Resume()
}

func (w *watched) turn(active bool) {
	if w.active != active {
		panic("the device was called out of turn")
	}
}

// Where the fuzzed driver has its rings: small enough for a byte to reach.
const (
	fuzzDesc   = 0x1000
	fuzzDriver = 0x1100
	fuzzDevice = 0x1200
	fuzzSize   = 8
)

// FuzzTransport lets a guest do anything to a real device by its BAR, its
// configuration space, its doorbells and its rings. The registers must show
// nothing that cannot be, and in the end an honest driver must find a device
// that works.
func FuzzTransport(f *testing.F) {
	start := []byte{10, 0, 0, 0, 0, 7, 0, 0, 0, 0, 8, 4, 0, 0, 0}
	for _, more := range [][]byte{
		nil,
		{5, 0, 0, 0x18, 0x11, 5, 0x82, 0, 1, 0, 6, 0, 0, 0, 0},
		{9, 0, 0, 0, 0, 8, 0, 0, 0, 0, 9, 1, 0, 0, 0},
		{0, 0x20, 3, 0x80, 0, 0, 0x14, 0, 0, 0, 1, 3, 1, 0, 0},
		{3, 4, 1, 2, 0, 3, 0x10, 2, 0, 0x50, 2, 0, 3, 0, 0},
		{3, 0xac, 0, 4, 0, 3, 0xb8, 2, 4, 0, 4, 0xbc, 2, 0, 0, 3, 0xbc, 2, 0xff, 0xff},
		{5, 0, 0, 0, 0x10, 5, 8, 0, 16, 0, 5, 0x0c, 1, 4, 0, 5, 0x82, 0, 5, 0, 6, 0, 0, 0, 0, 8, 4, 0, 0, 0},
	} {
		f.Add(append(start[:len(start):len(start)], more...))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		d := &watched{loopback: loopback{sizes: []uint16{fuzzSize, fuzzSize}}}
		g := newGuest(t, d, nil).open()
		home := g.space.BAR(0)
		paused := false
		for step := 0; len(input) >= 5 && step < 500; step++ {
			in := input[:5]
			input = input[5:]
			off, width := uint64(in[1]), 1<<(in[2]&3)
			value := uint64(in[3]) | uint64(in[4])<<8
			if in[2]&0x80 != 0 {
				value *= 0x0001_0001_0001_0001
			}
			switch in[0] % 11 {
			case 0:
				pcitest.Write(g.Memory, home+off%0x40, width, value)
			case 1:
				pcitest.Write(g.Memory, home+off%8*page+uint64(in[2]>>2&15), width, value)
			case 2:
				pcitest.Read(g.Memory, home+off%8*page+uint64(in[2]>>2&31), width)
			case 3:
				g.space.Write(int(off), width, value)
			case 4:
				g.space.Read(int(off), width)
			case 5:
				g.poke(fuzzDesc+off*2, width, value)
			case 6:
				if !g.bells.ring(home + notifyOffset + off%2*notifyMultiplier) {
					g.transport.Function().WriteBAR(0, notifyOffset+off%2*notifyMultiplier, []byte{0, 0})
				}
			case 7:
				g.write("queue_select", off%2)
				g.layoutAt(fuzzDesc, fuzzDriver, fuzzDevice)
			case 8:
				g.write("device_status", []uint64{0, 1, driven, agreed, working}[off%5])
			case 9:
				if paused = off%2 == 0; paused {
					g.transport.Pause()
				} else {
					g.transport.Resume()
				}
			case 10:
				g.negotiateAny((value<<28 | virtio.FeatureVersion1) & g.offered())
			}
			g.check()
		}
		// Wherever the guest is, it can go on elsewhere.
		g.transport.Pause()
		moved := g.move(g.memory.Copy(t), &watched{loopback: loopback{sizes: d.sizes}}, nil)
		for _, g := range []*guest{g, moved} {
			g.transport.Resume()
			g.check()
			g.space.Command(0, pcitest.Memory)
			g.space.SetBAR(0, home)
			g.open()
			g.enableMSIX()
			for i, q := range g.start(virtio.FeatureVersion1, virtqtest.Options{Size: fuzzSize}) {
				g.vectors.At(i + 1).Sent()
				g.roundTrip(i, q, g.vectors.At(i+1))
			}
		}
	})
}

// poke writes to guest memory.
func (g *guest) poke(addr uint64, width int, value uint64) {
	p := make([]byte, width)
	for i := range p {
		p[i] = byte(value >> (8 * i))
	}
	_ = g.memory.WriteAt(p, mem.Addr(addr))
}

func (g *guest) layoutAt(desc, driver, device uint64) {
	g.write("queue_size", fuzzSize)
	g.write("queue_desc", desc)
	g.write("queue_driver", driver)
	g.write("queue_device", device)
	g.write("queue_enable", 1)
}

// negotiateAny is negotiate where nothing is sure to work.
func (g *guest) negotiateAny(features uint64) {
	g.write("device_status", 1)
	g.write("device_status", driven)
	for i := range uint64(2) {
		g.write("driver_feature_select", i)
		g.write("driver_feature", features>>(32*i)&0xffffffff)
	}
	g.write("device_status", agreed)
}

// check looks for what cannot be. Registers are read past the BAR's place.
func (g *guest) check() {
	g.t.Helper()
	g.checkSizes(fuzzSize)
}

// checkSizes is check for queues of most entries.
func (g *guest) checkSizes(most int) {
	g.t.Helper()
	var p [commonSize]byte
	for i := range p {
		g.transport.Function().ReadBAR(0, uint64(i), p[i:i+1])
	}
	switch s := virtio.Status(p[regDeviceStatus]) &^ (virtio.StatusNeedsReset | virtio.StatusFailed); s {
	case 0, 1, virtio.Status(driven), virtio.Status(agreed), virtio.Status(working):
	default:
		g.t.Fatalf("status is %v", s)
	}
	for _, at := range []int{regConfigMSIXVector, regQueueMSIXVector} {
		if v := int(p[at]) | int(p[at+1])<<8; v > 2 && v != noVector {
			g.t.Fatalf("vector at %#x is %#x", at, v)
		}
	}
	if size := int(p[regQueueSize]) | int(p[regQueueSize+1])<<8; size > most {
		g.t.Fatalf("queue size is %d", size)
	}
}
