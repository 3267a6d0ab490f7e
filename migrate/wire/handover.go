package wire

import (
	"crypto/sha256"
	"errors"
	"fmt"
)

// Paused says that the guest is held.
type Paused struct {
	Epoch uint32 `cbor:"1,keyasint"` // the last, which is still to come
}

func (Paused) Type() Type { return TypePaused }

func (Paused) judge() error { return nil }

// State is the next part of what vmstate wrote.
type State struct {
	Data []byte `cbor:"-"`
}

func (State) Type() Type { return TypeState }

func (m State) bytes() []byte { return m.Data }

func (m State) judge() error { return checkLength(uint64(len(m.Data)), 1, MaxStatePart) }

func decodeState(payload []byte) (Message, error) { return State{payload}, nil }

// Final ends the state.
type Final struct {
	Length uint64            `cbor:"1,keyasint"` // of the state, bytes
	SHA256 [sha256.Size]byte `cbor:"2,keyasint"` // of the state
	Epochs uint32            `cbor:"3,keyasint"` // how many there were
}

func (Final) Type() Type { return TypeFinal }

func (m Final) judge() error {
	if m.Length < 1 || m.Length > MaxState {
		return fmt.Errorf("state of %d bytes: want 1 to %d", m.Length, MaxState)
	}
	if m.Epochs < 1 {
		return errors.New("no epochs")
	}
	return nil
}

// Prepared says that all is loaded, and the session written down as prepared.
type Prepared struct {
	Session Session `cbor:"1,keyasint"`
}

func (Prepared) Type() Type { return TypePrepared }

func (m Prepared) judge() error { return checkSession(m.Session) }

// Commit makes the machine the target's.
type Commit struct {
	Session Session `cbor:"1,keyasint"`
}

func (Commit) Type() Type { return TypeCommit }

func (m Commit) judge() error { return checkSession(m.Session) }

// Running says that the machine runs on the target.
type Running struct {
	Session Session `cbor:"1,keyasint"`
	Since   int64   `cbor:"2,keyasint"` // Unix time, nanoseconds
}

func (Running) Type() Type { return TypeRunning }

func (m Running) judge() error {
	if m.Since <= 0 {
		return fmt.Errorf("since %d", m.Since)
	}
	return checkSession(m.Session)
}

// Failed says that the machine does not run on the target, never did, and never will.
type Failed struct {
	Session Session `cbor:"1,keyasint"`
	Reason  string  `cbor:"2,keyasint"`
}

func (Failed) Type() Type { return TypeFailed }

func (m Failed) clean() Message {
	m.Reason = orNone(CleanText(m.Reason, maxText))
	return m
}

func (m Failed) judge() error {
	return firstOf(checkSession(m.Session), checkText("reason", m.Reason, maxText))
}
