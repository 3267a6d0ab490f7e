package main

import (
	"errors"

	"github.com/hullvm/hull/manager/instance"
)

// The statuses of hull boot for machines that did not turn themselves off
// (docs/exit-codes.md). They lie just below those of a shell (126 and up), where
// no convention has a meaning for them, so that a guest's own status is seldom
// taken for one of them. exitFailure, 125, ends the range: it is also that of
// every command that was called wrongly.
const (
	exitReset         = 120
	exitGuestPanic    = 121
	exitTripleFault   = 122
	exitKilled        = 123
	exitInternalError = 124
	exitFailure       = 125

	// exitSignalBase is added to a signal's number, as a shell does.
	exitSignalBase = 128
)

// The statuses of a program that did not start, as a shell has them.
const (
	exitNotExecutable = 126
	exitNotThere      = 127
)

// exitRefused is the status of a command for instances that could not do what it
// was asked, with one of them or with all.
const exitRefused = 1

// kindCode is what a command ends with after a failure of some kind.
type kindCode struct {
	run   int // of the commands that make instances, or whose status may be a program's: boot -d, create, exec, restore, clone
	other int
}

// kindCodes are the statuses for the kinds of failures (docs/exit-codes.md).
var kindCodes = map[instance.Kind]kindCode{
	instance.KindInvalid:     {exitFailure, exitRefused},
	instance.KindNotFound:    {exitFailure, exitRefused},
	instance.KindGone:        {exitFailure, exitRefused},
	instance.KindAmbiguous:   {exitFailure, exitRefused},
	instance.KindNameTaken:   {exitFailure, exitRefused},
	instance.KindWrongState:  {exitFailure, exitRefused},
	instance.KindBusy:        {exitFailure, exitRefused},
	instance.KindCorrupt:     {exitFailure, exitRefused},
	instance.KindUnsupported: {exitFailure, exitRefused},
	instance.KindFailed:      {exitFailure, exitRefused},
}

// runFailure gives an error the status of a command that runs a program.
func runFailure(err error) error { return withCode(err, codeOf(err).run, explained) }

// refusal gives an error the status of any other command for instances.
func refusal(err error) error { return withCode(err, codeOf(err).other, explained) }

// codeOf is the statuses of a failure. A supervisor of a later release may tell of a
// kind that there is not here.
func codeOf(err error) kindCode {
	if code, known := kindCodes[instance.KindOf(err)]; known {
		return code
	}
	return kindCodes[instance.KindFailed]
}

// withCode gives an error a status, unless it has one, and what to do about it.
func withCode(err error, code int, explain func(error) error) error {
	var exit *exitError
	if err == nil || errors.As(err, &exit) {
		return err
	}
	return &exitError{code: code, err: explain(err)}
}
