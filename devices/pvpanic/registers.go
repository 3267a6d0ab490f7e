package pvpanic

import "github.com/hullvm/hull/devices"

// Base is the device's one port, the default of its ISA form.
const Base = 0x505

// The register of docs/specs/pvpanic, section ISA Interface.
const (
	regEVENTS = 0 // RW: read: the events the host handles; write: what happened

	size = 1
)

// Events, section Bit Definition.
const (
	Panicked    = 1 << 0 // the guest has panicked; the host deals with it
	CrashLoaded = 1 << 1 // it has panicked and deals with it, as by kdump
	Shutdown    = 1 << 2 // it has shut down as asked
)

var registers = devices.MustRegisterMap(
	devices.Register{Name: "EVENTS", Offset: regEVENTS, Width: 1, Access: devices.ReadWrite},
)
