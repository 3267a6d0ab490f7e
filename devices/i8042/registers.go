package i8042

import "github.com/hullvm/hull/devices"

// Ports of the controller, IBM PC AT Technical Reference, section Keyboard
// Controller.
const (
	dataBase    = 0x60
	commandBase = 0x64
)

// The registers, by their offset from the first port.
const (
	regDATA    = 0                      // RW: the byte waiting; a command's argument
	regSTATUS  = commandBase - dataBase // R
	regCOMMAND = commandBase - dataBase // W
)

// STATUS.
const (
	statusOBF = 1 << 0 // output buffer full: a byte waits in DATA
	statusIBF = 1 << 1 // input buffer full: a command is being taken
)

// What is read where nobody drives the bus, but for IBF.
const (
	noData   = 0xff
	noStatus = 0xff &^ statusIBF
)

// COMMAND.
const (
	cmdWriteOutputPort = 0xd1 // the next DATA goes to the output port
	cmdPulse           = 0xf0 // and up: those of the low 4 output lines whose bit is 0 go low for 6 µs
)

// outputReset is the output line that resets the processor while it is low.
const outputReset = 1 << 0

var registers = devices.MustRegisterMap(
	devices.Register{Name: "DATA", Offset: regDATA, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "STATUS/COMMAND", Offset: regSTATUS, Width: 1, Access: devices.ReadWrite},
)
