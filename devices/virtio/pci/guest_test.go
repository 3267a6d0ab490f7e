package pci

import (
	"os"
	"testing"
	"time"

	"github.com/hullvm/hull/devices"
	"github.com/hullvm/hull/devices/devicestest"
	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// guest is a machine with one virtio device, and its driver.
type guest struct {
	*pcitest.Machine
	t         testing.TB
	transport *Transport
	memory    *virtqtest.Memory
	line      devicestest.Line
	vectors   *pcitest.Vectors
	bells     *doorbells
	space     pcitest.Space

	structures map[byte]structureAt // by cfg_type
	registers  map[string]devices.Register
}

type structureAt struct {
	addr, length uint64
	cap          int // offset of its capability
	multiplier   uint64
}

// newGuest makes a guest whose device is there and not looked at yet. change may
// change what the transport is made of.
func newGuest(t testing.TB, d virtio.Device, change func(*Config)) *guest {
	t.Helper()
	checkDescriptors(t)
	devicestest.CheckGoroutines(t)
	return newGuestIn(t, virtqtest.NewMemory(t, 1<<20), d, change)
}

func newGuestIn(t testing.TB, m *virtqtest.Memory, d virtio.Device, change func(*Config)) *guest {
	t.Helper()
	g := &guest{t: t, memory: m, vectors: new(pcitest.Vectors), bells: newDoorbells()}
	c := Config{
		Name: "test", Device: d, Memory: g.memory.Guest,
		Vectors: g.vectors.Make, Doorbells: g.bells, Line: &g.line,
	}
	if change != nil {
		change(&c)
	}
	var err error
	if g.transport, err = New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.transport.Close(); err != nil {
			t.Error(err)
		}
		if n := g.vectors.Open(); n != 0 {
			t.Errorf("%d vectors are open", n)
		}
		if rest := g.bells.list(); len(rest) != 0 {
			t.Errorf("doorbells are left at %x", rest)
		}
	})
	g.Machine = pcitest.New(t, []*pci.Function{g.transport.Function()})
	g.space = g.Slot(1)
	g.registers = make(map[string]devices.Register)
	for _, r := range common.Registers() {
		g.registers[r.Name] = r
	}
	return g
}

// checkDescriptors fails t where more descriptors are open at its end than now.
func checkDescriptors(t testing.TB) {
	t.Helper()
	before := descriptors(t)
	t.Cleanup(func() {
		if after := descriptors(t); after > before {
			t.Errorf("%d descriptors are open, %d were before", after, before)
		}
	})
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// find walks the capabilities and takes the first of each type, as Linux does.
func (g *guest) find() {
	g.t.Helper()
	g.structures = make(map[byte]structureAt)
	for _, c := range g.space.Capabilities(g.t) {
		if c.ID != pci.CapVendor {
			continue
		}
		kind, bar := byte(g.space.Read(c.Offset+3, 1)), int(g.space.Read(c.Offset+4, 1))
		if kind == typeWindow { // where it shows is the driver's to say
			g.structures[kind] = structureAt{cap: c.Offset}
			continue
		}
		if _, ok := g.structures[kind]; ok || kind < 1 || kind > 4 || bar > 5 {
			g.t.Fatalf("structure of type %d in BAR %d at %#x", kind, bar, c.Offset)
		}
		s := structureAt{
			addr:   g.space.BAR(bar) + g.space.Read(c.Offset+8, 4),
			length: g.space.Read(c.Offset+12, 4), cap: c.Offset,
		}
		if kind == typeNotify {
			s.multiplier = g.space.Read(c.Offset+16, 4)
		}
		g.structures[kind] = s
	}
}

// open finds the device and turns its memory on.
func (g *guest) open() *guest {
	g.t.Helper()
	g.find()
	g.space.Command(pcitest.Memory|pcitest.BusMaster, 0)
	return g
}

func (g *guest) at(name string) (addr uint64, width int) {
	g.t.Helper()
	r, ok := g.registers[name]
	if !ok {
		g.t.Fatalf("no register %q", name)
	}
	return g.structures[typeCommon].addr + r.Offset, r.Width
}

func (g *guest) read(name string) uint64 {
	g.t.Helper()
	addr, width := g.at(name)
	return pcitest.Read(g.Memory, addr, width)
}

func (g *guest) write(name string, value uint64) {
	g.t.Helper()
	addr, width := g.at(name)
	pcitest.Write(g.Memory, addr, width, value)
}

func (g *guest) expect(name string, want uint64) {
	g.t.Helper()
	if got := g.read(name); got != want {
		g.t.Errorf("%s is %#x, want %#x", name, got, want)
	}
}

func (g *guest) isr() uint64 { return pcitest.Read(g.Memory, g.structures[typeISR].addr, 1) }

// Statuses of a driver on its way.
const (
	driven  = uint64(virtio.StatusAcknowledge | virtio.StatusDriver)
	agreed  = driven | uint64(virtio.StatusFeaturesOK)
	working = agreed | uint64(virtio.StatusDriverOK)
	broken  = working | uint64(virtio.StatusNeedsReset)
)

// negotiate resets the device and accepts features.
func (g *guest) negotiate(features uint64) {
	g.t.Helper()
	g.write("device_status", 0)
	g.expect("device_status", 0)
	g.write("device_status", uint64(virtio.StatusAcknowledge))
	g.write("device_status", driven)
	for i := range uint64(2) {
		g.write("driver_feature_select", i)
		g.write("driver_feature", features>>(32*i)&0xffffffff)
	}
	g.write("device_status", agreed)
}

// offered reads the device's features.
func (g *guest) offered() (features uint64) {
	for i := range uint64(2) {
		g.write("device_feature_select", i)
		features |= g.read("device_feature") << (32 * i)
	}
	return features
}

// enableMSIX programs every vector with its own number.
func (g *guest) enableMSIX() {
	at := g.space.Find(g.t, pci.CapMSIX)
	n := g.space.Read(at+2, 2)&0x7ff + 1
	table := g.space.BAR(0) + g.space.Read(at+4, 4)
	g.space.Write(at+2, 2, 1<<15|1<<14)
	for i := range n {
		pcitest.Write(g.Memory, table+16*i, 8, 0xfee00000)
		pcitest.Write(g.Memory, table+16*i+8, 8, i)
	}
	g.space.Write(at+2, 2, 1<<15)
}

// setQueue tells the device where a queue is, with its interrupt on a vector.
func (g *guest) setQueue(index int, d *virtqtest.Driver, vector uint64) {
	g.t.Helper()
	l := d.Layout()
	g.write("queue_select", uint64(index))
	g.write("queue_size", uint64(l.Size))
	g.write("queue_desc", uint64(l.Desc))
	g.write("queue_driver", uint64(l.Driver))
	g.write("queue_device", uint64(l.Device))
	g.write("queue_msix_vector", vector)
	g.expect("queue_msix_vector", vector)
	g.write("queue_enable", 1)
	g.expect("queue_enable", 1)
}

// start brings the device up with drivers for its queues, vector i+1 for queue i.
func (g *guest) start(features uint64, o virtqtest.Options) (drivers []*virtqtest.Driver) {
	g.t.Helper()
	g.negotiate(features)
	g.expect("device_status", agreed)
	g.write("config_msix_vector", 0)
	o.Memory = g.memory
	for i := range g.transport.queues {
		o.Index = i
		d := virtqtest.New(g.t, o)
		g.setQueue(i, d, uint64(i+1))
		drivers = append(drivers, d)
	}
	g.write("device_status", working)
	return drivers
}

// ring writes to a queue's doorbell, and has the hypervisor serve it where it
// can.
func (g *guest) ring(index int) {
	g.t.Helper()
	g.write("queue_select", uint64(index))
	n := g.structures[typeNotify]
	addr := n.addr + g.read("queue_notify_off")*n.multiplier
	if !g.bells.ring(addr) {
		pcitest.Write(g.Memory, addr, 2, uint64(index))
	}
}

// wait takes a used request, waiting for a vector's messages or, for nil, for
// the line.
func (g *guest) wait(d *virtqtest.Driver, v *pcitest.Vector) (used virtqtest.Used) {
	g.t.Helper()
	if v != nil {
		arrived := v.Arrived()
		for {
			if u, ok := d.Poll(); ok {
				return u
			}
			select {
			case <-arrived:
			case <-time.After(10 * time.Second): // of no working code's
				g.t.Fatal("no interrupt")
			}
		}
	}
	devicestest.Eventually(g.t, "an interrupt", func() (ok bool) {
		if !g.line.Level() {
			return false
		}
		if bits := g.isr(); bits != isrQueue {
			g.t.Errorf("ISR status is %#x", bits)
		}
		used, ok = d.Poll()
		return ok
	})
	return used
}
