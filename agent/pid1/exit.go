package pid1

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Exit codes of a main process that has none of its own, as a shell has them.
const (
	codeFatal         = 125 // the first process could not do its own part
	codeNotExecutable = 126
	codeNotFound      = 127
)

// exit is how the main process ended.
type exit struct {
	code   uint8
	signal unix.Signal // that killed it, or 0
}

func exitOf(ws unix.WaitStatus) exit {
	if ws.Signaled() {
		return exit{signal: ws.Signal()}
	}
	return exit{code: uint8(ws.ExitStatus())}
}

// exitOfStart is that of a main process that could not be started.
func exitOfStart(err error) exit {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return exit{code: codeNotFound}
	}
	return exit{code: codeNotExecutable}
}

// encode is what the exit port takes.
func (e exit) encode() uint32 {
	if e.signal != 0 {
		return exitSignalled | uint32(e.signal)&0x7f
	}
	return uint32(e.code)
}
