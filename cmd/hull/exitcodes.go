package main

// The statuses of hull boot for machines that did not turn themselves off
// (docs/exit-codes.md). They lie just below those of a shell (126 and up), where
// no convention has a meaning for them, so that a guest's own status is seldom
// taken for one of them. exitFailure, 125, ends the range.
const (
	exitReset         = 120
	exitGuestPanic    = 121
	exitTripleFault   = 122
	exitKilled        = 123
	exitInternalError = 124

	// exitSignalBase is added to a signal's number, as a shell does.
	exitSignalBase = 128
)
