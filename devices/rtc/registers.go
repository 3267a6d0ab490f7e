package rtc

import "github.com/hullvm/hull/devices"

// Base is the first of the two ports.
const Base = 0x70

// Ports, IBM PC AT Technical Reference, section Real-Time Clock.
const (
	portINDEX = 0 // W: which register DATA is; bit 7 masks the NMI, of which there is none
	portDATA  = 1 // RW

	size      = 2
	indexMask = 0x7f
)

var ports = devices.MustRegisterMap(
	devices.Register{Name: "INDEX", Offset: portINDEX, Width: 1, Access: devices.WriteOnly},
	devices.Register{Name: "DATA", Offset: portDATA, Width: 1, Access: devices.ReadWrite},
)

// Registers of the MC146818 by index, its datasheet's figure Address Map. All
// are RW but where it says so.
const (
	regSeconds      = 0x00
	regSecondsAlarm = 0x01
	regMinutes      = 0x02
	regMinutesAlarm = 0x03
	regHours        = 0x04 // with the PM bit in 12-hour mode
	regHoursAlarm   = 0x05
	regWeekday      = 0x06 // 1 is Sunday
	regDay          = 0x07
	regMonth        = 0x08
	regYear         = 0x09 // of the century
	regA            = 0x0a // UIP is R
	regB            = 0x0b
	regC            = 0x0c // R; reading clears it
	regD            = 0x0d // R
	regCentury      = 0x32 // not the chip's but every PC's; the FADT names it

	registerCount = 128
)

// alarmAny and above in an alarm register match every value, section Alarm.
const alarmAny = 0xc0

// hoursPM is the afternoon's bit of the hours in 12-hour mode.
const hoursPM = 0x80

// Register A.
const (
	aUIP     = 1 << 7 // R: the time is about to change; see updateWarning
	aDivider = 0x70   // which time base
	aStop    = 0x60   // both bits: the divider is held in reset
	aRate    = 0x0f   // of the periodic interrupt; see ticksPerSecond
	aDefault = 0x26   // 32768 Hz time base; 1024 Hz periodic
)

// Register B. The enables have the places of their flags in register C.
const (
	bSET  = 1 << 7 // the time stands still, to be set
	bPIE  = 1 << 6 // periodic interrupt
	bAIE  = 1 << 5 // alarm interrupt
	bUIE  = 1 << 4 // update-ended interrupt
	bSQWE = 1 << 3 // square wave: no pin for it here
	bDM   = 1 << 2 // binary, not BCD
	b24   = 1 << 1 // 24 hours
	bDSE  = 1 << 0 // daylight saving; not kept, as in every PC
)

// Register C.
const (
	cIRQF = 1 << 7 // an enabled flag is set
	cPF   = bPIE
	cAF   = bAIE
	cUF   = bUIE

	cFlags = cPF | cAF | cUF
)

// dVRT in register D says that the battery has not failed.
const dVRT = 1 << 7

// updateWarning is how long before a change of the time UIP is set, in
// nanoseconds, section Update Cycle.
const updateWarning = 244_000

// CMOS memory of PC firmware: where it keeps the memory sizes, low byte first.
const (
	cmosBaseMemory   = 0x15 // 2 bytes: KiB below 1 MiB
	cmosExtended     = 0x17 // 2 bytes: KiB from 1 MiB on, at most 64 MiB
	cmosExtended2    = 0x30 // 2 bytes: the same, as found by the firmware
	cmosAbove16M     = 0x34 // 2 bytes: 64 KiB units from 16 MiB to 4 GiB
	cmosAbove4G      = 0x5b // 3 bytes: 64 KiB units from 4 GiB on
	cmosSumFirst     = 0x10 // of the range that cmosSum is over
	cmosSumLast      = 0x2d
	cmosSum          = 0x2e // 2 bytes, high byte first
	baseMemoryKiB    = 640
	firstAbove16M    = 16 << 20
	cmosAbove4GLimit = 1<<24 - 1
)
