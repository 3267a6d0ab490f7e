package debugport

import "github.com/hullvm/hull/devices"

// Base is the port. It belonged to the DMA page registers and was taken over
// by the IBM PC AT's power-on self test; no specification has it.
const Base = 0x80

const (
	regPOST = 0 // RW: the last mark

	size = 1
)

var registers = devices.MustRegisterMap(
	devices.Register{Name: "POST", Offset: regPOST, Width: 1, Access: devices.ReadWrite},
)
