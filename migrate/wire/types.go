package wire

import "fmt"

// Type says what a frame is.
type Type uint16

// The types of version 1.
const (
	TypeHello     Type = 1
	TypeDescribe  Type = 2
	TypeAccept    Type = 3
	TypeReject    Type = 4
	TypeChannel   Type = 5
	TypeMemory    Type = 6
	TypeEpochEnd  Type = 7
	TypeEpochDone Type = 8
	TypePaused    Type = 9
	TypeState     Type = 10
	TypeFinal     Type = 11
	TypePrepared  Type = 12
	TypeCommit    Type = 13
	TypeRunning   Type = 14
	TypeFailed    Type = 15
	TypeError     Type = 16
	TypeCancel    Type = 17
	TypeAlive     Type = 18
	TypeAsk       Type = 19
	TypeAnswer    Type = 20
	TypeLog       Type = 21
	TypeLogEnd    Type = 22
	TypeFarewell  Type = 23
)

// optional is the bit of types that a reader without them passes over.
const optional Type = 1 << 15

// Limits of payloads, in bytes.
const (
	small        = 4 << 10
	text         = 64 << 10
	piece        = 1 << 20
	MaxDescribe  = 4 << 20
	MaxMemory    = 2<<20 + 64<<10
	MaxStatePart = piece // of one State

	// MaxState is how long the state may be, all its parts together. Who puts them
	// together holds them against it.
	MaxState = 64 << 20

	// maxOptional is the limit of what is passed over.
	maxOptional = text
)

// MaxChannels is how many connections for memory a session may have.
const MaxChannels = 8

// kind is what is known of a type: its payload has least to most bytes.
type kind struct {
	name        string
	least, most int
	decode      func(payload []byte) (Message, error)
}

var kinds = [...]kind{
	TypeHello:     {"hello", 1, small, decode[Hello]},
	TypeDescribe:  {"describe", 1, MaxDescribe, decode[Describe]},
	TypeAccept:    {"accept", 1, small, decode[Accept]},
	TypeReject:    {"reject", 1, text, decode[Reject]},
	TypeChannel:   {"channel", 1, small, decode[Channel]},
	TypeMemory:    {"memory", minMemory, MaxMemory, decodeMemory},
	TypeEpochEnd:  {"epoch-end", 1, small, decode[EpochEnd]},
	TypeEpochDone: {"epoch-done", 1, small, decode[EpochDone]},
	TypePaused:    {"paused", 1, small, decode[Paused]},
	TypeState:     {"state", 1, MaxStatePart, decodeState},
	TypeFinal:     {"final", 1, small, decode[Final]},
	TypePrepared:  {"prepared", 1, small, decode[Prepared]},
	TypeCommit:    {"commit", 1, small, decode[Commit]},
	TypeRunning:   {"running", 1, small, decode[Running]},
	TypeFailed:    {"failed", 1, text, decode[Failed]},
	TypeError:     {"error", 1, text, decode[Error]},
	TypeCancel:    {"cancel", 1, small, decode[Cancel]},
	TypeAlive:     {"alive", 0, 0, decodeAlive},
	TypeAsk:       {"ask", 1, small, decode[Ask]},
	TypeAnswer:    {"answer", 1, small, decode[Answer]},
	TypeLog:       {"log", 1, piece, decode[Log]},
	TypeLogEnd:    {"log-end", 1, small, decode[LogEnd]},
	TypeFarewell:  {"farewell", 1, small, decode[Farewell]},
}

// kind is what is known of t, nil for nothing.
func (t Type) kind() *kind {
	if int(t) >= len(kinds) || kinds[t].decode == nil {
		return nil
	}
	return &kinds[t]
}

// String is the type's name.
func (t Type) String() string {
	if k := t.kind(); k != nil {
		return k.name
	}
	return fmt.Sprintf("type %#x", uint16(t))
}
