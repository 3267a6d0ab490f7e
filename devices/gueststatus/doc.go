// Package gueststatus is the one register by which the agent in a guest tells
// the monitor how it ended, just before it powers the machine off. It needs no
// driver, no memory and no interrupt, so that it works when little else does.
//
// It is Hull's own; this is its specification:
//
//	STATUS  ports 0x5f0 to 0x5f3, 32 bits, little-endian
//	read    0x4c4c5548, the letters HULL: what tells an agent where it runs
//	write   the agent's report. Bit 31 clear: bits 0 to 7 are the exit status
//	        of what the guest was started for. Bit 31 set: bits 0 to 6 are the
//	        number of the signal that ended it. Other bits are 0.
//
// The register may be written in smaller pieces by ascending port: the report
// is made when the last byte, at 0x5f3, is written. A later report replaces an
// earlier one.
package gueststatus
