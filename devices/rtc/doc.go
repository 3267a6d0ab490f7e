// Package rtc is a PC's real-time clock and its CMOS memory: a Motorola
// MC146818 at ports 0x70 and 0x71, with the century byte and the memory sizes
// that PC firmware keeps there.
//
// The guest's time is the host's, in UTC, and an offset: a guest that sets the
// clock changes the offset. Nothing runs while the guest waits for no
// interrupt; registers are worked out when they are read.
package rtc
