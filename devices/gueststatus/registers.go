package gueststatus

import "github.com/hullvm/hull/devices"

// Base is the first of the register's ports.
const Base = 0x5f0

// The bytes of STATUS, lowest first; see the package's comment.
const (
	regSTATUS0 = 0 // RW
	regSTATUS1 = 1 // RW
	regSTATUS2 = 2 // RW
	regSTATUS3 = 3 // RW: writing it makes the report
)

// size is the number of ports.
const size = 4

// Identification is what STATUS reads as: HULL.
const Identification = 0x4c4c5548

// Signal is the bit of a report that says its low bits are a signal's number.
const Signal = 1 << 31

var registers = devices.MustRegisterMap(
	devices.Register{Name: "STATUS0", Offset: regSTATUS0, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "STATUS1", Offset: regSTATUS1, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "STATUS2", Offset: regSTATUS2, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "STATUS3", Offset: regSTATUS3, Width: 1, Access: devices.ReadWrite},
)
