package wire

import (
	"crypto/sha256"
	"fmt"
)

// Error says that the move is over, and why.
type Error struct {
	Phase string `cbor:"1,keyasint"` // a short name
	Text  string `cbor:"2,keyasint"`
}

func (Error) Type() Type { return TypeError }

func (m Error) clean() Message {
	m.Text = orNone(CleanText(m.Text, maxText))
	return m
}

func (m Error) judge() error {
	return firstOf(checkLabel("phase", m.Phase), checkText("text", m.Text, maxText))
}

// Cancel says that the user wants the move no more.
type Cancel struct{}

func (Cancel) Type() Type { return TypeCancel }

func (Cancel) judge() error { return nil }

// Alive says nothing else.
type Alive struct{}

func (Alive) Type() Type { return TypeAlive }

func (Alive) bytes() []byte { return nil }

func (Alive) judge() error { return nil }

func decodeAlive([]byte) (Message, error) { return Alive{}, nil }

// MaxLogPart is the most bytes of one Log's data.
const MaxLogPart = piece - 64

// maxLog is the longest log, in bytes.
const maxLog = 1 << 40

// Log is the next part of the instance's log.
type Log struct {
	Offset uint64 `cbor:"1,keyasint"` // of its first byte, so that a log can go on
	Data   []byte `cbor:"2,keyasint"`
}

func (Log) Type() Type { return TypeLog }

func (m Log) judge() error {
	if len(m.Data) < 1 || len(m.Data) > MaxLogPart {
		return fmt.Errorf("%d bytes of log: want 1 to %d", len(m.Data), MaxLogPart)
	}
	return checkLog(m.Offset)
}

func checkLog(length uint64) error {
	if length > maxLog {
		return fmt.Errorf("log of %d bytes: the most is %d", length, uint64(maxLog))
	}
	return nil
}

// LogEnd says that this was all of the log.
type LogEnd struct {
	Length uint64            `cbor:"1,keyasint"` // of the log, bytes
	SHA256 [sha256.Size]byte `cbor:"2,keyasint"` // of the log
}

func (LogEnd) Type() Type { return TypeLogEnd }

func (m LogEnd) judge() error { return checkLog(m.Length) }

// Farewell says that the log is kept: the source may forget the instance.
type Farewell struct {
	Session Session `cbor:"1,keyasint"`
}

func (Farewell) Type() Type { return TypeFarewell }

func (m Farewell) judge() error { return checkSession(m.Session) }
