package virtio

import (
	"fmt"
	"strings"
)

// Status is the device status field (section 2.1).
type Status uint8

// The bits of the device status. The driver sets all but StatusNeedsReset, and
// clears them only all at once, which resets the device.
const (
	StatusAcknowledge Status = 1 << 0 // ACKNOWLEDGE: the guest saw the device
	StatusDriver      Status = 1 << 1 // DRIVER: and has a driver for it
	StatusDriverOK    Status = 1 << 2 // DRIVER_OK: the driver is ready, the device works
	StatusFeaturesOK  Status = 1 << 3 // FEATURES_OK: both agree on the features
	StatusNeedsReset  Status = 1 << 6 // DEVICE_NEEDS_RESET: set by the device
	StatusFailed      Status = 1 << 7 // FAILED: the driver gave up
)

var statusNames = []struct {
	bit  Status
	name string
}{
	{StatusAcknowledge, "ACKNOWLEDGE"},
	{StatusDriver, "DRIVER"},
	{StatusFeaturesOK, "FEATURES_OK"},
	{StatusDriverOK, "DRIVER_OK"},
	{StatusNeedsReset, "DEVICE_NEEDS_RESET"},
	{StatusFailed, "FAILED"},
}

// String writes the names of the bits, as the specification spells them.
func (s Status) String() string {
	if s == 0 {
		return "0"
	}
	var names []string
	for _, n := range statusNames {
		if s&n.bit != 0 {
			names = append(names, n.name)
			s &^= n.bit
		}
	}
	if s != 0 {
		names = append(names, fmt.Sprintf("%#x", uint8(s)))
	}
	return strings.Join(names, "|")
}

// Where a driver stands in its initialization (section 3.1.1).
const (
	atReset      Status = 0
	acknowledged        = StatusAcknowledge
	driven              = acknowledged | StatusDriver
	agreed              = driven | StatusFeaturesOK
	working             = agreed | StatusDriverOK
)

// Step is what a write of the device status asks of the transport.
type Step int

const (
	StepNone     Step = iota
	StepReset         // the device is to be deactivated and its queues forgotten
	StepFeatures      // the features are settled: see Handshake.Features
	StepStart         // the device is to be activated
)

// transitions are the steps that a driver may take. Beside these it may reset
// the device at any time, write what the status is already, and give up. Some
// drivers set ACKNOWLEDGE and DRIVER in one write, which does no harm.
var transitions = map[[2]Status]Step{
	{atReset, acknowledged}: StepNone,
	{atReset, driven}:       StepNone,
	{acknowledged, driven}:  StepNone,
	{driven, agreed}:        StepFeatures,
	{agreed, working}:       StepStart,
}
