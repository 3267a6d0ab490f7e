package agent

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// exitSize is the payload of EXIT, docs/agent-protocol.md section 4.
const exitSize = 28

// Exit is how a process ended and what it took.
type Exit struct {
	Code   int         // 0 to 255; 0 when killed by Signal
	Signal unix.Signal // that killed it, or 0
	User   time.Duration
	System time.Duration
	MaxRSS int64 // KiB
}

// Status is the exit as a shell has it: the code, or 128 plus the signal.
func (e Exit) Status() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

// String says it in words.
func (e Exit) String() string {
	if e.Signal != 0 {
		return fmt.Sprintf("killed by signal %d (%s)", int(e.Signal), unix.SignalName(e.Signal))
	}
	return fmt.Sprintf("exit status %d", e.Code)
}

// NewExit is the exit of a process that was waited for.
func NewExit(ws unix.WaitStatus, ru *unix.Rusage) Exit {
	e := Exit{
		User:   time.Duration(ru.Utime.Nano()),
		System: time.Duration(ru.Stime.Nano()),
		MaxRSS: ru.Maxrss,
	}
	if ws.Signaled() {
		e.Signal = ws.Signal()
	} else {
		e.Code = ws.ExitStatus()
	}
	return e
}

func (e Exit) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(e.Code))
	b = le.AppendUint32(b, uint32(e.Signal))
	b = le.AppendUint64(b, uint64(e.User))
	b = le.AppendUint64(b, uint64(e.System))
	return le.AppendUint32(b, uint32(min(e.MaxRSS, 1<<32-1)))
}

func decodeExit(b []byte) (Exit, error) {
	d := fieldReader{b: b}
	code, sig := d.uint32(), d.uint32()
	e := Exit{
		Code:   int(code),
		Signal: unix.Signal(sig),
		User:   time.Duration(d.uint64()),
		System: time.Duration(d.uint64()),
		MaxRSS: int64(d.uint32()),
	}
	if d.short || len(d.b) != 0 || code > 255 || sig > 127 || e.User < 0 || e.System < 0 {
		return Exit{}, fmt.Errorf("exit status: %w", errGarbage)
	}
	return e, nil
}
