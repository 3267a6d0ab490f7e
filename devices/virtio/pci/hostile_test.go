package pci

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hullvm/hull/devices/pci/pcitest"
	"github.com/hullvm/hull/devices/virtio"
	"github.com/hullvm/hull/devices/virtio/virtqtest"
	"github.com/hullvm/hull/mem"
)

// Each sequence ends with a register that must not have changed.
func TestWritesOutOfTurnAreRefused(t *testing.T) {
	type step struct {
		name  string
		value uint64
	}
	start := []step{{"device_status", 1}, {"device_status", driven}, {"driver_feature_select", 1}, {"driver_feature", 1}, {"device_status", agreed}}
	enabled := append(start, step{"queue_desc", 0x1000}, step{"queue_driver", 0x2000}, step{"queue_device", 0x3000}, step{"queue_enable", 1})
	running := append(enabled, step{"device_status", working})
	for name, test := range map[string]struct {
		before []step
		write  step
		read   uint64
	}{
		"DRIVER_OK without FEATURES_OK":     {start[:2], step{"device_status", driven | 4}, driven},
		"FEATURES_OK first":                 {nil, step{"device_status", 8}, 0},
		"all at once":                       {nil, step{"device_status", working}, 0},
		"a bit taken back":                  {running, step{"device_status", agreed}, working},
		"NEEDS_RESET set by the driver":     {start, step{"device_status", agreed | 64}, agreed},
		"an unknown bit":                    {start[:2], step{"device_status", driven | 16}, driven},
		"features after FEATURES_OK":        {start, step{"driver_feature", 3}, 1},
		"features before DRIVER":            {start[:1], step{"driver_feature", 3}, 0},
		"queue size after DRIVER_OK":        {running, step{"queue_size", 8}, 64},
		"queue moved after DRIVER_OK":       {running, step{"queue_desc", 0x8000}, 0x1000},
		"available ring after DRIVER_OK":    {running, step{"queue_driver", 0x8000}, 0x2000},
		"used ring after DRIVER_OK":         {running, step{"queue_device", 0x8000}, 0x3000},
		"queue disabled":                    {enabled, step{"queue_enable", 0}, 1},
		"queue disabled after DRIVER_OK":    {running, step{"queue_enable", 0}, 1},
		"queue moved after enable":          {enabled, step{"queue_desc", 0x8000}, 0x1000},
		"queue size after enable":           {enabled, step{"queue_size", 8}, 64},
		"queue enabled with 2":              {start, step{"queue_enable", 2}, 0},
		"queue of no entries":               {start, step{"queue_size", 0}, 64},
		"queue beyond its most":             {start, step{"queue_size", 128}, 64},
		"another queue after DRIVER_OK":     {append(running, step{"queue_select", 1}), step{"queue_enable", 1}, 0},
		"queue that there is not":           {append(start, step{"queue_select", 2}), step{"queue_enable", 1}, 0},
		"size of a queue that there is not": {append(start, step{"queue_select", 0xffff}), step{"queue_size", 8}, 0},
		"vector of such a queue":            {append(start, step{"queue_select", 2}), step{"queue_msix_vector", 1}, noVector},
		"queue vector that there is not":    {start, step{"queue_msix_vector", 3}, noVector},
		"config vector that there is not":   {start, step{"config_msix_vector", 0xfffe}, noVector},
		"number of queues":                  {start, step{"num_queues", 7}, 2},
		"offered features":                  {start, step{"device_feature", 7}, 1<<5 | virtio.RingFeatures&0xffffffff},
		"notify offset":                     {start, step{"queue_notify_off", 7}, 0},
		"generation":                        {start, step{"config_generation", 7}, 0},
		"features of word 2":                {append(start[:2:2], step{"driver_feature_select", 2}), step{"driver_feature", 7}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, newFake(), nil).open()
			for _, s := range test.before {
				g.write(s.name, s.value)
			}
			g.write(test.write.name, test.write.value)
			g.expect(test.write.name, test.read)
		})
	}
}

func TestStatusIsWrittenByManyAtOnce(t *testing.T) {
	for _, real := range []bool{false, true} {
		t.Run(fmt.Sprint("real device ", real), func(t *testing.T) {
			var d virtio.Device = newFake()
			if real {
				d = &loopback{sizes: []uint16{64, 16}}
			}
			g := newGuest(t, d, nil).open()
			g.enableMSIX()
			q := virtqtest.New(t, virtqtest.Options{Memory: g.memory})
			l := q.Layout()
			var all sync.WaitGroup
			for worker := range 4 {
				all.Go(func() {
					for i := range 150 {
						switch (i + worker) % 4 {
						case 0:
							g.write("device_status", 0)
						case 1:
							g.negotiate0()
						case 2:
							g.layout(l.Desc, l.Driver, l.Device)
							g.write("device_status", working)
						case 3:
							g.read("device_status")
							g.ring(0)
							g.isr()
							g.space.Command(0, pcitest.BusMaster)
							g.space.Command(pcitest.BusMaster, 0)
							if f, ok := d.(*fake); ok && f.activation() != nil {
								f.activation().ConfigChanged()
								f.activation().Broken(errors.New("x"))
							}
						}
					}
				})
			}
			all.Wait()
			g.space.Command(pcitest.BusMaster, 0)
			// A driver that comes alone finds a device that works.
			drivers := g.start(virtio.FeatureVersion1, virtqtest.Options{})
			g.expect("device_status", working)
			if real {
				g.roundTrip(1, drivers[1], g.vectors.At(2))
			}
		})
	}
}

// negotiate0 is negotiate for one of many drivers: nothing is expected.
func (g *guest) negotiate0() {
	g.write("device_status", 1)
	g.write("device_status", driven)
	g.write("driver_feature_select", 1)
	g.write("driver_feature", 1)
	g.write("device_status", agreed)
}

func (g *guest) layout(desc, driver, device mem.Addr) {
	g.write("queue_select", 0)
	g.write("queue_size", 16)
	g.write("queue_desc", uint64(desc))
	g.write("queue_driver", uint64(driver))
	g.write("queue_device", uint64(device))
	g.write("queue_enable", 1)
}
