package pci

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/devices/virtio/virtq"
	"github.com/hullvm/hull/vmstate"
)

// stateVersion is the newest version of the section below.
const stateVersion = 1

// transportState is the section of a transport. That of its device is below it,
// and the function's belongs to the root complex.
type transportState struct {
	Device              uint16       `cbor:"1,keyasint"` // its type
	Offered             uint64       `cbor:"2,keyasint"` // features
	Status              uint8        `cbor:"3,keyasint"`
	Driver              uint64       `cbor:"4,keyasint"` // features that it accepts
	Beyond              bool         `cbor:"5,keyasint"` // and some from 64 on
	DeviceFeatureSelect uint32       `cbor:"6,keyasint"`
	DriverFeatureSelect uint32       `cbor:"7,keyasint"`
	QueueSelect         uint16       `cbor:"8,keyasint"`
	ConfigVector        uint16       `cbor:"9,keyasint"`
	ISR                 uint8        `cbor:"10,keyasint"`
	Generation          uint8        `cbor:"11,keyasint"`
	Active              bool         `cbor:"12,keyasint"` // the device is activated
	Queues              []queueState `cbor:"13,keyasint"`
}

// queueState are a queue's registers, and where it stands if it is in use.
type queueState struct {
	Size     uint16         `cbor:"1,keyasint"`
	Enabled  bool           `cbor:"2,keyasint"`
	Desc     uint64         `cbor:"3,keyasint"`
	Driver   uint64         `cbor:"4,keyasint"`
	Device   uint64         `cbor:"5,keyasint"`
	Vector   uint16         `cbor:"6,keyasint"`
	Position *positionState `cbor:"7,keyasint,omitempty"` // of an enabled queue of an active device
}

// positionState is a virtq.Position.
type positionState struct {
	Next uint16 `cbor:"1,keyasint"`
	Used uint16 `cbor:"2,keyasint"`
}

var _ vmstate.Keeper = (*Transport)(nil)

func (t *Transport) errorf(format string, args ...any) error {
	return fmt.Errorf("virtio device %q: "+format, append([]any{t.name}, args...)...)
}

// keeper is the device as what can be saved.
func (t *Transport) keeper() (vmstate.Keeper, error) {
	k, ok := t.device.(vmstate.Keeper)
	if !ok {
		return nil, fmt.Errorf("a device of type %d cannot be saved", t.device.ID())
	}
	return k, nil
}

var (
	errRunning = errors.New("the device is not paused")
	errClosed  = errors.New("the device is closed")
)

// Save writes registers, queues and the device, which is paused or not active.
func (t *Transport) Save(out vmstate.Out) error {
	t.control.Lock()
	defer t.control.Unlock()
	k, err := t.keeper()
	if err != nil {
		return t.errorf("save: %w", err)
	}
	switch {
	case t.closed:
		return t.errorf("save: %w", errClosed)
	case t.active && !t.held:
		return t.errorf("save: %w", errRunning)
	}
	if err := out.Put(stateVersion, t.state()); err != nil {
		return t.errorf("save: %w", err)
	}
	if err := k.Save(out.At("device")); err != nil {
		return t.errorf("save: %w", err)
	}
	return nil
}

// state is what there is to save. The caller holds control.
func (t *Transport) state() transportState {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.handshake.State()
	s := transportState{
		Device: uint16(t.device.ID()), Offered: t.offered(),
		Status: uint8(h.Status), Driver: h.Driver, Beyond: h.Beyond,
		DeviceFeatureSelect: t.selects.deviceFeature, DriverFeatureSelect: t.selects.driverFeature,
		QueueSelect: t.selects.queue, ConfigVector: uint16(t.configVector.vector.Load()),
		ISR: uint8(t.isr.Load()), Generation: uint8(t.generation.Load()),
		Active: t.active, Queues: make([]queueState, len(t.queues)),
	}
	for i := range t.queues {
		q := &t.queues[i]
		s.Queues[i] = queueState{
			Size: q.size, Enabled: q.enabled, Vector: uint16(q.interrupt.vector.Load()),
			Desc: uint64(q.desc), Driver: uint64(q.driver), Device: uint64(q.device),
		}
		if t.active && t.running.Queues[i] != nil {
			p := t.running.Queues[i].Position()
			s.Queues[i].Position = &positionState{Next: p.Next, Used: p.Used}
		}
	}
	return s
}

// Offered are the features that the driver may accept, of the first 64.
func (t *Transport) Offered() uint64 { return t.offered() }

// offered are the features that the driver may accept.
func (t *Transport) offered() uint64 {
	return uint64(t.handshake.OfferedFeatures(0)) | uint64(t.handshake.OfferedFeatures(1))<<32
}

func (p *positionState) position() virtq.Position { return virtq.Position{Next: p.Next, Used: p.Used} }
