package acpi

import "encoding/binary"

// Fixed ACPI Description Table, section 5.2.9. Offsets are from the start of
// the table; what is not named here is 0: no SMI, no PM1b, PM2, GPE1, no
// throttling, no sleep registers.
const (
	fadtFACS         = 36
	fadtDSDT         = 40
	fadtSCI          = 46
	fadtPM1aEvent    = 56
	fadtPM1aControl  = 64
	fadtTimer        = 76
	fadtGPE0         = 80
	fadtPM1EventLen  = 88
	fadtPM1CtlLen    = 89
	fadtTimerLen     = 91
	fadtGPE0Len      = 92
	fadtC2Latency    = 96
	fadtC3Latency    = 98
	fadtCentury      = 108
	fadtBootArch     = 109
	fadtFlags        = 112
	fadtReset        = 116
	fadtResetValue   = 128
	fadtMinor        = 131
	fadtXDSDT        = 140
	fadtXPM1aEvent   = 148
	fadtXPM1aControl = 172
	fadtXTimer       = 208
	fadtXGPE0        = 220
	fadtSize         = 276

	fadtMajorVersion = 6
	fadtMinorVersion = 5
)

// IA-PC boot architecture flags, section 5.2.9.3.
const (
	bootLegacyDevices = 1 << 0
	boot8042          = 1 << 1
	bootNoVGA         = 1 << 2
	bootNoCMOSClock   = 1 << 5
)

// Fixed feature flags, section 5.2.9, table 5.10. PWR_BUTTON and HW_REDUCED_ACPI
// are 0: the power button is the fixed one, and so are the registers.
const (
	flagWBINVD   = 1 << 0  // caches can be written back and emptied
	flagC1       = 1 << 2  // every processor can halt
	flagNoSleep  = 1 << 5  // no fixed sleep button
	flagNoWakeup = 1 << 6  // the clock's alarm has no fixed wake-up status
	flagTimer32  = 1 << 8  // the timer has 32 bits
	flagReset    = 1 << 10 // there is a reset register
)

// Sizes of the fixed register blocks in bytes, section 4.8.3.
const (
	pm1EventSize   = 4
	pm1ControlSize = 2
	timerSize      = 4
)

// Latencies in microseconds past which there is no C2 and no C3.
const (
	noC2 = 101
	noC3 = 1001
)

// centuryCMOS is where the clock keeps the century.
const centuryCMOS = 0x32

func fadt(c *Config, facs uint32, dsdt uint64) []byte {
	le := binary.LittleEndian
	b := make([]byte, fadtSize-headerSize)
	at := func(off int) []byte { return b[off-headerSize:] }

	le.PutUint32(at(fadtFACS), facs)
	le.PutUint32(at(fadtDSDT), uint32(dsdt))
	le.PutUint64(at(fadtXDSDT), dsdt)

	p := &c.Power
	le.PutUint16(at(fadtSCI), uint16(p.SCI))
	for _, block := range []struct {
		old, length, extended int
		port                  uint16
		size                  uint8
		access                uint8
	}{
		{fadtPM1aEvent, fadtPM1EventLen, fadtXPM1aEvent, p.PM1Event, pm1EventSize, accessWord},
		{fadtPM1aControl, fadtPM1CtlLen, fadtXPM1aControl, p.PM1Control, pm1ControlSize, accessWord},
		{fadtTimer, fadtTimerLen, fadtXTimer, p.Timer, timerSize, accessDWord},
		{fadtGPE0, fadtGPE0Len, fadtXGPE0, p.GPE0, p.GPE0Size, accessByte},
	} {
		if block.size == 0 {
			continue
		}
		le.PutUint32(at(block.old), uint32(block.port))
		at(block.length)[0] = block.size
		copy(at(block.extended), portRegister(block.port, block.size, block.access))
	}
	copy(at(fadtReset), portRegister(p.Reset, 1, accessByte))
	at(fadtResetValue)[0] = p.ResetValue

	le.PutUint16(at(fadtC2Latency), noC2)
	le.PutUint16(at(fadtC3Latency), noC3)
	le.PutUint16(at(fadtBootArch), c.bootArch())
	flags := uint32(flagWBINVD | flagC1 | flagNoSleep | flagNoWakeup | flagReset)
	if p.Timer32 {
		flags |= flagTimer32
	}
	le.PutUint32(at(fadtFlags), flags)
	if c.Clock {
		at(fadtCentury)[0] = centuryCMOS
	}
	at(fadtMinor)[0] = fadtMinorVersion
	return table("FACP", fadtMajorVersion, b)
}

func (c *Config) bootArch() uint16 {
	flags := uint16(bootNoVGA)
	if len(c.Devices) != 0 {
		flags |= bootLegacyDevices
	}
	if c.KeyboardController {
		flags |= boot8042
	}
	if !c.Clock {
		flags |= bootNoCMOSClock
	}
	return flags
}

// Generic address structures, section 5.2.3.2.
const (
	spacePorts = 1

	accessByte  = 1
	accessWord  = 2
	accessDWord = 3
)

// portRegister is the generic address of size bytes of registers in port space.
func portRegister(port uint16, size, access uint8) []byte {
	return binary.LittleEndian.AppendUint64([]byte{spacePorts, size * 8, 0, access}, uint64(port))
}
