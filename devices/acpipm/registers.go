package acpipm

import "github.com/hullvm/hull/devices"

// Registers by their offset from the first port of their block, sections
// 4.8.3 and 4.8.4.
const (
	regPM1STS  = 0 // RW1C, 16 bits: PM1 Status
	regPM1EN   = 2 // RW, 16 bits: PM1 Enable
	regPM1CNT  = 0 // RW, 16 bits: PM1 Control
	regPMTMR   = 0 // R, 32 bits: Power Management Timer
	regGPE0STS = 0 // RW1C, 32 bits: General-Purpose Event 0 Status
	regGPE0EN  = 4 // RW, 32 bits: General-Purpose Event 0 Enable
	regRESET   = 0 // RW, 8 bits: Reset, section 4.8.3.6
)

// PM1 Status and PM1 Enable, sections 4.8.3.1.1 and 4.8.3.1.2. Status bits are
// cleared by writing 1; an enabled one raises the SCI.
const (
	pm1TMR     = 1 << 0  // the timer's highest bit has changed
	pm1GBL     = 1 << 5  // firmware released the global lock: there is none
	pm1PWRBTN  = 1 << 8  // the power button was pressed
	pm1SLPBTN  = 1 << 9  // the sleep button: there is none
	pm1RTC     = 1 << 10 // the clock's alarm woke the machine: it never sleeps
	pm1Enables = pm1TMR | pm1GBL | pm1PWRBTN | pm1SLPBTN | pm1RTC
)

// PM1 Control, section 4.8.3.2.1.
const (
	cntSCIEN  = 1 << 0  // R: events raise the SCI; the hardware's to set
	cntBMRLD  = 1 << 1  // RW: bus mastering leaves C3
	cntGBLRLS = 1 << 2  // W: tells firmware of the global lock
	cntSLPTYP = 7 << 10 // RW: which sleep state
	cntSLPEN  = 1 << 13 // W: enter it

	slpTypShift = 10
	slpTypS5    = 5 // as \_S5 in the DSDT says: soft off
)

// Reset register: that of the PCI chipsets at 0xcf9, whose description is in
// their datasheets, Reset Control Register.
const (
	rstSYS  = 1 << 1 // RW: a reset is of the whole system
	rstCPU  = 1 << 2 // W: reset; acts when it goes to 1, reads as 0 after
	rstFull = 1 << 3 // RW: a reset cycles the power
)

// timerHz is the timer's frequency, section 4.8.3.3.
const timerHz = 3579545

// Ports is where the blocks of registers are.
type Ports struct {
	PM1Event   uint16 // 4 ports
	PM1Control uint16 // 2 ports
	Timer      uint16 // 4 ports
	GPE0       uint16 // 8 ports
	Reset      uint16 // 1 port
}

// DefaultPorts is where they are in a Hull machine.
func DefaultPorts() Ports {
	return Ports{PM1Event: 0x600, PM1Control: 0x604, Timer: 0x608, GPE0: 0x620, Reset: 0xcf9}
}

// block is a run of registers that stands on its own.
type block struct {
	name      string
	size      uint64
	whole     bool // see devices.Region
	registers *devices.RegisterMap
	id        blockID
}

type blockID uint8

const (
	blockPM1Event blockID = iota
	blockPM1Control
	blockTimer
	blockGPE0
	blockReset
)

var pm1Event = block{
	id: blockPM1Event, name: "ACPI PM1 event", size: 4,
	registers: devices.MustRegisterMap(
		devices.Register{Name: "PM1_STS", Offset: regPM1STS, Width: 2, Access: devices.ReadWrite, Partial: devices.Zero},
		devices.Register{Name: "PM1_EN", Offset: regPM1EN, Width: 2, Access: devices.ReadWrite},
	),
}

var pm1Control = block{
	id: blockPM1Control, name: "ACPI PM1 control", size: 2,
	registers: devices.MustRegisterMap(
		devices.Register{Name: "PM1_CNT", Offset: regPM1CNT, Width: 2, Access: devices.ReadWrite},
	),
}

var timer = block{
	id: blockTimer, name: "ACPI timer", size: 4,
	registers: devices.MustRegisterMap(
		devices.Register{Name: "PM_TMR", Offset: regPMTMR, Width: 4, Access: devices.ReadOnly},
	),
}

var gpe0 = block{
	id: blockGPE0, name: "ACPI GPE0", size: 8,
	registers: devices.MustRegisterMap(
		devices.Register{Name: "GPE0_STS", Offset: regGPE0STS, Width: 4, Access: devices.ReadWrite, Partial: devices.Zero},
		devices.Register{Name: "GPE0_EN", Offset: regGPE0EN, Width: 4, Access: devices.ReadWrite},
	),
}

// The reset register answers to accesses of itself alone: a wider one is to
// the PCI configuration address that it lies in.
var reset = block{
	id: blockReset, name: "reset", size: 1, whole: true,
	registers: devices.MustRegisterMap(
		devices.Register{Name: "RESET", Offset: regRESET, Width: 1, Access: devices.ReadWrite},
	),
}
