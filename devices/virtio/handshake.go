package virtio

import (
	"fmt"
	"math/bits"

	"github.com/hullvm/hull/devices/virtio/virtq"
)

// RingFeatures are the features of rings that the queues of this package serve.
// A transport offers them beside VERSION_1 and those of its device.
const RingFeatures = FeatureIndirectDesc | FeatureEventIdx | FeatureRingPacked | FeatureInOrder

// RingOptions are what features say of rings.
func RingOptions(features uint64) virtq.Options {
	return virtq.Options{
		Packed:     features&FeatureRingPacked != 0,
		EventIndex: features&FeatureEventIdx != 0,
		Indirect:   features&FeatureIndirectDesc != 0,
		InOrder:    features&FeatureInOrder != 0,
	}
}

// Handshake is the status of a device and the features that its driver accepts,
// behind a transport's registers. It has no lock of its own.
type Handshake struct {
	offered uint64
	driver  uint64 // what the driver accepts, as it wrote it
	beyond  bool   // it accepts features from 64 on too, of which there are none
	status  Status
}

// NewHandshake returns the handshake of a device after reset, with the features
// that device and transport offer.
func NewHandshake(offered uint64) *Handshake { return &Handshake{offered: offered} }

// Status is what the driver reads.
func (h *Handshake) Status() Status { return h.status }

// OfferedFeatures are bits 32*sel to 32*sel+31 of the offered features.
func (h *Handshake) OfferedFeatures(sel uint32) uint32 { return word(h.offered, sel) }

// DriverFeatures are bits 32*sel to 32*sel+31 of what the driver accepts.
func (h *Handshake) DriverFeatures(sel uint32) uint32 { return word(h.driver, sel) }

func word(features uint64, sel uint32) uint32 {
	if sel > 1 {
		return 0
	}
	return uint32(features >> (32 * sel))
}

// WriteDriverFeatures takes bits 32*sel to 32*sel+31 of what the driver accepts.
// They are looked at when it sets FEATURES_OK. An error says why the write was
// refused, which has no other effect.
func (h *Handshake) WriteDriverFeatures(sel, v uint32) error {
	if h.status != driven {
		return fmt.Errorf("write of features %#x at status %v: want %v", v, h.status, driven)
	}
	switch sel {
	case 0, 1:
		h.driver = h.driver&^(0xffffffff<<(32*sel)) | uint64(v)<<(32*sel)
	default:
		h.beyond = h.beyond || v != 0
	}
	return nil
}

// Features are the negotiated features; 0 before FEATURES_OK.
func (h *Handshake) Features() uint64 {
	if h.status&StatusFeaturesOK == 0 {
		return 0
	}
	return h.driver
}

// Working reports whether the device is to work: it is activated, and neither
// side gave up.
func (h *Handshake) Working() bool { return h.status == working }

// WriteStatus takes a write of the device status. An error says why the write
// was refused, and the status stays what it was: that is also how a driver is
// told that its features are not accepted.
func (h *Handshake) WriteStatus(v Status) (Step, error) {
	now := h.status
	// Whether the device needs a reset is not for the driver to say.
	v = v&^StatusNeedsReset | now&StatusNeedsReset
	switch {
	case v&^StatusNeedsReset == atReset:
		h.Reset()
		return StepReset, nil
	case v == now:
		return StepNone, nil
	case v == now|StatusFailed:
		h.status = v
		return StepNone, nil
	}
	step, ok := transitions[[2]Status{now, v}]
	if !ok {
		return StepNone, fmt.Errorf("write of status %v at status %v: not a step a driver may take", v, now)
	}
	if step == StepFeatures {
		if err := h.checkFeatures(); err != nil {
			return StepNone, err
		}
	}
	h.status = v
	return step, nil
}

// checkFeatures says what is wrong with what the driver accepts (section 2.2).
func (h *Handshake) checkFeatures() error {
	switch extra := h.driver &^ h.offered; {
	case h.beyond:
		return fmt.Errorf("driver accepts features from 64 on: none is offered")
	case extra != 0:
		return fmt.Errorf("driver accepts feature %d: it is not offered", bits.TrailingZeros64(extra))
	case h.driver&FeatureVersion1 == 0:
		return fmt.Errorf("driver does not accept VERSION_1: it is for devices from before virtio 1.0")
	}
	return nil
}

// NeedsReset sets DEVICE_NEEDS_RESET. notify reports that the driver is to be
// told so, by a notification of a configuration change (section 2.1.2).
func (h *Handshake) NeedsReset() (notify bool) {
	notify = h.status&StatusDriverOK != 0 && h.status&StatusNeedsReset == 0
	h.status |= StatusNeedsReset
	return notify
}

// Reset puts the handshake back to its beginning, as the transport's own reset
// does.
func (h *Handshake) Reset() { *h = Handshake{offered: h.offered} }

// HandshakeState is what has to be kept of a handshake to go on with it
// elsewhere.
type HandshakeState struct {
	Status Status
	Driver uint64 // the features that the driver accepts
	Beyond bool   // it accepts features from 64 on too
}

// State is the state of the handshake.
func (h *Handshake) State() HandshakeState {
	return HandshakeState{Status: h.status, Driver: h.driver, Beyond: h.beyond}
}

// Restore puts the handshake where another one stood. A state that no driver can
// have brought about is an error, and so is one with features that this device
// does not offer.
func (h *Handshake) Restore(s HandshakeState) error {
	next := Handshake{offered: h.offered, driver: s.Driver, beyond: s.Beyond, status: s.Status}
	switch s.Status &^ (StatusNeedsReset | StatusFailed) {
	case atReset, acknowledged:
		if s.Driver != 0 || s.Beyond {
			return fmt.Errorf("saved status %v with features %#x: the driver can not have written any", s.Status, s.Driver)
		}
	case driven:
	case agreed, working:
		if err := next.checkFeatures(); err != nil {
			return fmt.Errorf("saved status %v: %w", s.Status, err)
		}
	default:
		return fmt.Errorf("saved status %v: no driver can have brought it about", s.Status)
	}
	*h = next
	return nil
}
