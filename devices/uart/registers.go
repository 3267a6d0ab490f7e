package uart

import "github.com/hullvm/hull/devices"

// Registers of a PC16550D, section 8.0 and table II of its datasheet. Which of
// several names of one offset is meant depends on the direction and on DLAB.
const (
	regRBR = 0 // R, DLAB=0: Receiver Buffer
	regTHR = 0 // W, DLAB=0: Transmitter Holding
	regDLL = 0 // RW, DLAB=1: Divisor Latch, low byte
	regIER = 1 // RW, DLAB=0: Interrupt Enable
	regDLM = 1 // RW, DLAB=1: Divisor Latch, high byte
	regIIR = 2 // R: Interrupt Identification
	regFCR = 2 // W: FIFO Control
	regLCR = 3 // RW: Line Control
	regMCR = 4 // RW: Modem Control
	regLSR = 5 // R: Line Status
	regMSR = 6 // R: Modem Status
	regSCR = 7 // RW: Scratch
)

// size is the number of ports.
const size = 8

// registers has LSR and MSR as R: writing them is for factory tests.
var registers = devices.MustRegisterMap(
	devices.Register{Name: "RBR/THR/DLL", Offset: regRBR, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "IER/DLM", Offset: regIER, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "IIR/FCR", Offset: regIIR, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "LCR", Offset: regLCR, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "MCR", Offset: regMCR, Width: 1, Access: devices.ReadWrite},
	devices.Register{Name: "LSR", Offset: regLSR, Width: 1, Access: devices.ReadOnly},
	devices.Register{Name: "MSR", Offset: regMSR, Width: 1, Access: devices.ReadOnly},
	devices.Register{Name: "SCR", Offset: regSCR, Width: 1, Access: devices.ReadWrite},
)

// IER, section 8.7. Bits 4 to 7 are always 0.
const (
	ierERBFI = 1 << 0 // received data available, and character timeout
	ierETBEI = 1 << 1 // transmitter holding register empty
	ierELSI  = 1 << 2 // receiver line status
	ierEDSSI = 1 << 3 // modem status
	ierMask  = 0x0f
)

// IIR, section 8.6 and table IV: what is pending, highest priority first.
const (
	iirLineStatus  = 0x06
	iirDataReady   = 0x04
	iirTimeout     = 0x0c
	iirTHREmpty    = 0x02
	iirModemStatus = 0x00
	iirNone        = 0x01
	iirFIFOs       = 0xc0 // both set while the FIFOs are enabled
)

// FCR, section 8.5.
const (
	fcrEnable    = 1 << 0
	fcrResetRCVR = 1 << 1 // clears itself
	fcrResetXMIT = 1 << 2 // clears itself
	fcrDMAMode   = 1 << 3 // no pin for it here
	fcrTrigger   = 3 << 6 // an index into triggerLevels
)

// triggerLevels is how many bytes in the receiver FIFO raise an interrupt.
var triggerLevels = [4]int{1, 4, 8, 14}

// fifoSize is what each FIFO holds, in bytes.
const fifoSize = 16

// LCR, section 8.1: all bits can be written and read; the chip heeds one.
const lcrDLAB = 1 << 7 // offsets 0 and 1 are the divisor latch

// LSR, section 8.4.
const (
	lsrDR   = 1 << 0 // data ready
	lsrOE   = 1 << 1 // overrun; cleared by reading
	lsrTHRE = 1 << 5 // transmitter holding register, or FIFO, empty
	lsrTEMT = 1 << 6 // and the shift register too

	lsrErrors = lsrOE // what raises the line status interrupt here
)

// What the character timeout is made of, section 8.5.
const (
	timeoutFor = 4      // characters of silence
	charBits   = 10     // on the line: start, eight data, stop
	baudAtOne  = 115200 // with a divisor of 1 and a PC's crystal
)

// MCR, section 8.8. Bits 5 to 7 are always 0.
const (
	mcrDTR  = 1 << 0
	mcrRTS  = 1 << 1
	mcrOUT1 = 1 << 2
	mcrOUT2 = 1 << 3 // on a PC: lets the interrupt out of the card
	mcrLOOP = 1 << 4 // outputs are fed back to inputs, the outside is cut off
	mcrMask = 0x1f
)

// MSR, section 8.9. The low half tells which of the high half changed since it
// was last read; TERI only that RI went off.
const (
	msrDCTS = 1 << 0
	msrDDSR = 1 << 1
	msrTERI = 1 << 2
	msrDDCD = 1 << 3
	msrCTS  = 1 << 4
	msrDSR  = 1 << 5
	msrRI   = 1 << 6
	msrDCD  = 1 << 7

	msrDeltas = msrDCTS | msrDDSR | msrTERI | msrDDCD
)
