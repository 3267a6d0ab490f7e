package wire

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// SessionSize is the size of a session, in bytes.
const SessionSize = 16

// Session names one attempt to move a machine. The zero Session is none.
type Session [SessionSize]byte

// NewSession makes a session that nobody else has.
func NewSession() Session {
	var s Session
	rand.Read(s[:]) // never fails
	return s
}

// ParseSession reads what String wrote.
func ParseSession(text string) (Session, error) {
	var s Session
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != SessionSize {
		return s, fmt.Errorf("session %.64q: want %d hexadecimal digits", text, 2*SessionSize)
	}
	s = Session(b)
	if s.IsZero() {
		return s, fmt.Errorf("session %q: it is zero", text)
	}
	return s, nil
}

// String is the session in hexadecimal digits.
func (s Session) String() string { return hex.EncodeToString(s[:]) }

// IsZero reports whether s is no session.
func (s Session) IsZero() bool { return s == Session{} }

// MarshalText is for files that keep a session as text.
func (s Session) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Session) UnmarshalText(text []byte) error {
	parsed, err := ParseSession(string(text))
	if err == nil {
		*s = parsed
	}
	return err
}
