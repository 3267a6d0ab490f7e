package pci

import (
	"fmt"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

func TestINTxShowsInISRStatusAndEndsByReading(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open() // MSI-X is there and off
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	queue := &g.transport.queues[0].interrupt
	for _, test := range []struct {
		name string
		act  func()
		bits uint64
	}{
		{"queue", queue.Raise, isrQueue},
		{"configuration", d.activation().ConfigChanged, isrConfig},
		{"both, twice", func() {
			queue.Raise()
			d.activation().ConfigChanged()
			queue.Raise()
			g.transport.queues[1].interrupt.Raise()
		}, isrQueue | isrConfig},
	} {
		if g.line.Level() {
			t.Fatalf("%s: line is high before", test.name)
		}
		test.act()
		if !g.line.Level() || g.space.Read(6, 2)&(1<<3) == 0 {
			t.Errorf("%s: line is %v, Status %#x", test.name, g.line.Level(), g.space.Read(6, 2))
		}
		if rises := g.line.Rises(); rises != 1 {
			t.Errorf("%s: %d rises", test.name, rises)
		}
		if got := g.isr(); got != test.bits {
			t.Errorf("%s: ISR status is %#x, want %#x", test.name, got, test.bits)
		}
		if got := g.isr(); got != 0 || g.line.Level() {
			t.Errorf("%s: ISR status is %#x after reading, line %v", test.name, got, g.line.Level())
		}
	}
	if got := queue.FD(); got != -1 {
		t.Errorf("a queue on INTx has descriptor %d", got)
	}
	queue.Raise()
	g.write("device_status", 0)
	if g.line.Level() || g.isr() != 0 {
		t.Error("the interrupt outlived the reset")
	}
}

func TestMSIXVectorsAreTheDriversChoice(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	g.enableMSIX()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	queue := &g.transport.queues[0].interrupt
	sent := func() string {
		s := ""
		for i := range 3 {
			s += fmt.Sprint(len(g.vectors.At(i).Sent()))
		}
		return s
	}
	expect := func(step, want string) {
		t.Helper()
		if got := sent(); got != want {
			t.Errorf("%s: messages %s, want %s", step, got, want)
		}
	}
	queue.Raise()
	queue.Raise()
	expect("queue", "020")
	d.activation().ConfigChanged()
	expect("configuration", "100")
	if g.line.Level() {
		t.Error("the line is high")
	}
	// A queue's bit has no meaning with MSI-X; that of the configuration has.
	if got := g.isr(); got != isrConfig {
		t.Errorf("ISR status is %#x", got)
	}
	g.write("queue_select", 0)
	g.write("queue_msix_vector", 2)
	queue.Raise()
	expect("another vector", "001")
	g.write("queue_msix_vector", noVector)
	queue.Raise()
	expect("no vector", "000")
	if got := queue.FD(); got != -1 {
		t.Errorf("no vector has descriptor %d", got)
	}
	if got := g.isr(); got != 0 || g.line.Level() {
		t.Errorf("without a vector ISR status is %#x, line %v", got, g.line.Level())
	}
	g.write("config_msix_vector", 2)
	d.activation().ConfigChanged()
	expect("shared vector", "001")
	g.isr()

	// What is raised while masked comes after.
	g.write("queue_msix_vector", 1)
	at := g.space.Find(t, pci.CapMSIX)
	g.space.Write(at+2, 2, 1<<15|1<<14)
	queue.Raise()
	expect("masked", "000")
	if got := pcitest.Read(g.Memory, g.space.BAR(0)+g.space.Read(at+8, 4)&^7, 8); got != 2 {
		t.Errorf("PBA is %#x", got)
	}
	g.space.Write(at+2, 2, 1<<15)
	expect("unmasked", "010")
}

func TestInterruptsAreRaisedByMany(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	at := g.space.Find(t, pci.CapMSIX)
	var all sync.WaitGroup
	for i := range 2 {
		all.Go(func() {
			for range 2000 {
				g.transport.queues[i].interrupt.Raise()
				d.activation().ConfigChanged()
			}
		})
	}
	all.Go(func() {
		for i := range 500 {
			g.isr()
			g.space.Write(at+2, 2, uint64(i%2)<<15)
		}
	})
	all.Wait()
	// Nothing raised is lost, and nothing read stays.
	g.space.Write(at+2, 2, 0)
	g.isr()
	if g.line.Level() {
		t.Error("line is high without a cause")
	}
	g.transport.queues[0].interrupt.Raise()
	if !g.line.Level() {
		t.Error("line is low with a cause")
	}
}

func BenchmarkRaise(b *testing.B) {
	g := newGuest(b, newFake(), nil).open()
	g.enableMSIX()
	g.start(virtio.FeatureVersion1, virtqtest.Options{})
	g.transport.msix.Vector(1).(*pcitest.Vector).Mask()
	queue := &g.transport.queues[0].interrupt
	b.ReportAllocs()
	for b.Loop() {
		queue.Raise()
	}
}

func BenchmarkDoorbellByExit(b *testing.B) {
	g := newGuest(b, newFake(), func(c *Config) { c.Doorbells = nil }).open()
	at, p := g.structures[typeNotify].addr, []byte{0, 0}
	b.ReportAllocs()
	for b.Loop() {
		g.Memory.Write(at, p)
	}
}
