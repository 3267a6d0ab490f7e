package virtqtest

import (
	"sync"
	"testing"
	"time"

	"github.com/hullvm/hull/devices/virtio"
)

// Active is a device that works on drivers' queues.
type Active struct {
	Activation *virtio.Activation

	// ConfigChanges gets a value when the device says that its configuration
	// changed and the channel is empty.
	ConfigChanges chan struct{}

	device virtio.Device
	broken chan error
	once   sync.Once
}

// Activate activates a device with the queues of drivers, nil for a queue that
// is not enabled; missing ones at the end are not enabled either. features are
// the device's own that are negotiated: those of the rings and VERSION_1 are
// added. The device is deactivated at the latest when t ends, and t fails where
// the device said that its driver broke the rules and WaitBroken did not ask.
func Activate(t testing.TB, device virtio.Device, features uint64, drivers ...*Driver) *Active {
	t.Helper()
	return activate(t, device, false, features, drivers)
}

// ActivateHeld is Activate for a device that is to be still until Resume: one
// whose state was loaded, and whose drivers were moved.
func ActivateHeld(t testing.TB, device virtio.Device, features uint64, drivers ...*Driver) *Active {
	t.Helper()
	return activate(t, device, true, features, drivers)
}

func activate(t testing.TB, device virtio.Device, held bool, features uint64, drivers []*Driver) *Active {
	t.Helper()
	a := &Active{ConfigChanges: make(chan struct{}, 1), device: device, broken: make(chan error, 1)}
	sizes := device.QueueSizes()
	if len(drivers) > len(sizes) {
		t.Fatalf("%d drivers: the device has %d queues", len(drivers), len(sizes))
	}
	a.Activation = &virtio.Activation{
		Held:          held,
		Features:      features | virtio.FeatureVersion1,
		Queues:        make([]*virtio.Queue, len(sizes)),
		ConfigChanged: func() { signal(a.ConfigChanges, struct{}{}) },
		Broken:        func(err error) { signal(a.broken, err) },
	}
	for i, d := range drivers {
		if d == nil {
			continue
		}
		if d.layout.Size > sizes[i] {
			t.Fatalf("queue %d of %d entries: the device allows %d", i, d.layout.Size, sizes[i])
		}
		a.Activation.Memory = d.Memory.Guest
		a.Activation.Features |= d.Features()
		a.Activation.Queues[i] = d.queue
		d.queue.Hold(held)
	}
	if err := device.Activate(a.Activation); err != nil {
		t.Fatalf("activate: %v", err)
	}
	t.Cleanup(func() {
		a.Deactivate()
		select {
		case err := <-a.broken:
			t.Errorf("the device says that its driver broke the rules: %v", err)
		default:
		}
	})
	return a
}

// Resume lets a device go on that was activated to be held.
func (a *Active) Resume() {
	for _, q := range a.Activation.Queues {
		if q != nil {
			q.Hold(false)
		}
	}
	a.device.Resume()
}

// Deactivate deactivates the device, once.
func (a *Active) Deactivate() { a.once.Do(a.device.Deactivate) }

// WaitBroken waits until the device says that its driver broke the rules, and
// returns what it says.
func (a *Active) WaitBroken(t testing.TB) error {
	t.Helper()
	select {
	case err := <-a.broken:
		return err
	case <-time.After(deadline):
		t.Fatalf("waited %v for the device to say that its driver broke the rules", deadline)
		return nil
	}
}

func signal[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}
