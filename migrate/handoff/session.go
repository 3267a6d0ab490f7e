package handoff

import (
	"encoding/hex"
	"fmt"
)

// Session names one attempt to move a machine: 16 random bytes, which the source
// makes. All zeroes is none.
type Session [16]byte

// String is 32 hexadecimal digits.
func (s Session) String() string { return hex.EncodeToString(s[:]) }

// MarshalText is for records: 32 hexadecimal digits.
func (s Session) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes what MarshalText gives, and nothing else.
func (s *Session) UnmarshalText(text []byte) error {
	var read Session
	if len(text) != hex.EncodedLen(len(read)) {
		return fmt.Errorf("session: %d characters, not %d", len(text), hex.EncodedLen(len(read)))
	}
	if _, err := hex.Decode(read[:], text); err != nil {
		return fmt.Errorf("session %q: %w", text, err)
	}
	*s = read
	return nil
}
