package pci

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/hullvm/hull/devices/pci"
	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
)

// The IDs are those of section 5; the classes are what guests list.
func TestFunctionSaysWhichDeviceItIs(t *testing.T) {
	for id, want := range map[virtio.ID]uint64{
		virtio.IDNet: 0x020000, virtio.IDBlock: 0x018000, virtio.IDConsole: 0x078000, virtio.IDEntropy: 0x00ff00,
		virtio.IDBalloon: 0x00ff00, virtio.IDVsock: 0x078000, virtio.IDMem: 0x058000, virtio.IDFS: 0x018000, virtio.IDPmem: 0x058000,
	} {
		d := newFake()
		d.id = id
		g := newGuest(t, d, nil)
		if got := g.space.Read(0, 4); got != uint64(0x1040+id)<<16|0x1af4 {
			t.Errorf("%d: ID is %#x", id, got)
		}
		if got := g.space.Read(8, 4); got != want<<8|1 {
			t.Errorf("%d: class and revision are %#x", id, got)
		}
	}
}

func TestStructuresAreFoundByTheirCapabilities(t *testing.T) {
	g := newGuest(t, newFake(), nil).open()
	bar := g.space.BAR(0)
	for kind, want := range map[byte]structureAt{
		typeCommon: {addr: bar, length: 0x3c},
		typeISR:    {addr: bar + 0x1000, length: 1},
		typeDevice: {addr: bar + 0x2000, length: 0x1000},
		typeNotify: {addr: bar + 0x3000, length: 8, multiplier: 4},
		typeWindow: {},
	} {
		got := g.structures[kind]
		got.cap = 0
		if got != want {
			t.Errorf("structure %d is %+v, want %+v", kind, got, want)
		}
		if size := g.space.Read(g.structures[kind].cap+2, 1); size != 16 && (size != 20 || kind != typeNotify && kind != typeWindow) {
			t.Errorf("capability of structure %d has %d bytes", kind, size)
		}
	}
	if size := g.space.Find(t, pci.CapExpress); size == 0 {
		t.Error("no PCI Express capability")
	}
}

func TestRegistersAfterReset(t *testing.T) {
	g := newGuest(t, newFake(), nil).open()
	for round := range 2 {
		for name, want := range map[string]uint64{
			"device_feature_select": 0, "driver_feature_select": 0, "driver_feature": 0,
			"config_msix_vector": 0xffff, "num_queues": 2, "device_status": 0, "queue_select": 0,
			"queue_size": 64, "queue_msix_vector": 0xffff, "queue_enable": 0, "queue_notify_off": 0,
			"queue_desc": 0, "queue_driver": 0, "queue_device": 0, "queue_notify_data": 0, "queue_reset": 0,
		} {
			g.expect(name, want)
		}
		g.write("queue_select", 1)
		g.expect("queue_size", 16)
		g.expect("queue_notify_off", 1)
		if round == 0 {
			g.start(virtio.FeatureVersion1, virtqtest.Options{})
		}
		g.write("device_status", 0)
	}
}

func TestFeaturesOfDeviceAndTransportAreOffered(t *testing.T) {
	const own = 1<<5 | 1<<50
	for offer, want := range map[uint64]uint64{
		0:                        own | virtio.FeatureVersion1 | virtio.RingFeatures,
		virtio.FeatureVersion1:   own | virtio.FeatureVersion1,
		virtio.FeatureRingPacked: own | virtio.FeatureVersion1 | virtio.FeatureRingPacked,
	} {
		g := newGuest(t, newFake(), func(c *Config) { c.Offer = offer }).open()
		if got := g.offered(); got != want {
			t.Errorf("offer of %#x became %#x, want %#x", offer, got, want)
		}
		g.write("device_feature_select", 2)
		g.expect("device_feature", 0)
	}
}

// By every way of notifying and interrupting.
func TestDeviceServesRequests(t *testing.T) {
	for _, slow := range []bool{false, true} {
		for _, intx := range []bool{false, true} {
			for name, o := range map[string]virtqtest.Options{
				"split": {}, "packed": {Packed: true},
				"split with all":  {EventIndex: true, Indirect: true, InOrder: true},
				"packed with all": {Packed: true, EventIndex: true, Indirect: true, InOrder: true},
			} {
				t.Run(fmt.Sprintf("slow %v intx %v %s", slow, intx, name), func(t *testing.T) {
					requests(t, slow, intx, o)
				})
			}
		}
	}
}

func requests(t *testing.T, slow, intx bool, o virtqtest.Options) {
	g := newGuest(t, &loopback{sizes: []uint16{16, 16}}, func(c *Config) {
		if slow {
			c.Doorbells = nil
		}
		if intx {
			c.Vectors = nil
		}
	}).open()
	features := featuresOf(o)
	if offered := g.offered(); features&^offered != 0 || o.Packed && o.EventIndex && features != offered {
		t.Fatalf("features %#x, offered %#x", features, offered)
	}
	for range 3 { // over resets
		if intx {
			g.negotiate(features)
			var drivers []*virtqtest.Driver
			for i := range 2 {
				o.Index, o.Memory = i, g.memory
				d := virtqtest.New(t, o)
				g.setQueue(i, d, noVector)
				drivers = append(drivers, d)
			}
			g.write("device_status", working)
			for i, d := range drivers {
				g.roundTrip(i, d, nil)
			}
			continue
		}
		g.enableMSIX()
		for i, d := range g.start(features, o) {
			g.roundTrip(i, d, g.vectors.At(i+1))
		}
	}
	if (g.bells.rung > 0) == slow {
		t.Errorf("%d doorbells were rung", g.bells.rung)
	}
}

// featuresOf are the features that a driver of that kind accepts.
func featuresOf(o virtqtest.Options) uint64 {
	features := uint64(virtio.FeatureVersion1)
	for feature, on := range map[uint64]bool{
		virtio.FeatureRingPacked: o.Packed, virtio.FeatureEventIdx: o.EventIndex,
		virtio.FeatureIndirectDesc: o.Indirect, virtio.FeatureInOrder: o.InOrder,
	} {
		if on {
			features |= feature
		}
	}
	return features
}

// roundTrip sends requests through a queue and looks at what comes back.
func (g *guest) roundTrip(index int, d *virtqtest.Driver, v *pcitest.Vector) {
	g.t.Helper()
	for i := range 40 {
		text := fmt.Appendf(nil, "request %d of queue %d", i, index)
		d.Add([][]byte{text}, []int{100})
		g.ring(index)
		used := g.wait(d, v)
		if !bytes.Equal(used.Bytes(), text) {
			g.t.Fatalf("got %q, want %q", used.Bytes(), text)
		}
	}
	if v != nil {
		for _, m := range v.Sent() {
			if m != (pci.Message{Addr: 0xfee00000, Data: uint32(index + 1)}) {
				g.t.Fatalf("message %+v", m)
			}
		}
	}
}

func TestDeviceConfigurationIsTheDevices(t *testing.T) {
	d := newFake()
	g := newGuest(t, d, nil).open()
	at := g.structures[typeDevice].addr
	pcitest.Write(g.Memory, at+6, 4, 0x12345678)
	if got := pcitest.Read(g.Memory, at+7, 8); got != 0x123456 {
		t.Errorf("reads %#x", got)
	}
	if got := pcitest.Read(g.Memory, at+0xffc, 8); got != 0 {
		t.Errorf("past its end reads %#x", got)
	}
}

func TestTransportsThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*fake, *Config){
		"1025 queues":             func(f *fake, _ *Config) { f.sizes = make([]uint16, 1025) },
		"queue 1: its size is 48": func(f *fake, _ *Config) { f.sizes = []uint16{16, 48} },
		"queue 0: its size is 0":  func(f *fake, _ *Config) { f.sizes = []uint16{0} },
		"features 0x10000000000":  func(_ *fake, c *Config) { c.Offer = virtio.FeatureRingReset },
		"no more vectors": func(_ *fake, c *Config) {
			c.Vectors = (&pcitest.Vectors{FailAt: 2}).Make
		},
	} {
		checkDescriptors(t)
		d := newFake()
		c := Config{Name: "x", Device: d, Memory: virtqtest.NewMemory(t, 1<<16).Guest}
		change(d, &c)
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `virtio device "x": `) {
			t.Errorf("error %v, want one that has %q", err, want)
		}
	}
}

func TestManyQueuesHaveRoom(t *testing.T) {
	d := newFake()
	d.sizes = make([]uint16, 300)
	for i := range d.sizes {
		d.sizes[i] = 2
	}
	g := newGuest(t, d, nil).open()
	g.enableMSIX()
	g.expect("num_queues", 300)
	g.write("queue_select", 299)
	g.write("queue_msix_vector", 300)
	g.expect("queue_msix_vector", 300)
	g.write("queue_msix_vector", 301)
	g.expect("queue_msix_vector", noVector)
	g.ring(299)
	if n, err := g.transport.kicks[299].event.Take(); n != 1 || err != nil {
		t.Errorf("kicks %d, error %v", n, err)
	}
	if got := g.vectors.At(300).Calls(); fmt.Sprint(got) != "[set 0xfee00000 0x12c unmask]" {
		t.Errorf("the last vector was told %v", got)
	}
}

// selective is a device that some features of every device are not for.
type selective struct{ *fake }

func (selective) Without() uint64 { return virtio.FeatureRingPacked | virtio.FeatureInOrder }

func TestADevicesTransportOffersNotWhatItIsWithout(t *testing.T) {
	for _, k := range []struct {
		device virtio.Device
		want   uint64
	}{
		{newFake(), DefaultOffer},
		{selective{newFake()}, DefaultOffer &^ (virtio.FeatureRingPacked | virtio.FeatureInOrder)},
	} {
		transport, err := New(Config{Name: "fake", Device: k.device})
		if err != nil {
			t.Fatal(err)
		}
		offered := uint64(transport.handshake.OfferedFeatures(0)) | uint64(transport.handshake.OfferedFeatures(1))<<32
		if got := offered & DefaultOffer; got != k.want {
			t.Errorf("offered %#x, want %#x", got, k.want)
		}
		if err := transport.Close(); err != nil {
			t.Error(err)
		}
	}
}
