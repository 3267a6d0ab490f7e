package wire

import (
	"fmt"
	"time"
)

// Heartbeats that a side may say, in nanoseconds as all durations.
const (
	minHeartbeat = time.Millisecond
	maxHeartbeat = time.Minute
)

// Hello begins a connection for control; the target answers with its own. It is the
// same in every version, so that two that have none in common can say so.
type Hello struct {
	Lowest    uint16        `cbor:"1,keyasint"` // versions that the side speaks
	Highest   uint16        `cbor:"2,keyasint"`
	Release   string        `cbor:"3,keyasint"` // of Hull
	Session   Session       `cbor:"4,keyasint"`
	Heartbeat time.Duration `cbor:"5,keyasint"` // how often the side sends alive
}

func (Hello) Type() Type { return TypeHello }

func (m Hello) judge() error {
	switch {
	case m.Lowest < 1 || m.Highest < m.Lowest:
		return fmt.Errorf("versions %d to %d", m.Lowest, m.Highest)
	case m.Heartbeat < minHeartbeat || m.Heartbeat > maxHeartbeat:
		return fmt.Errorf("heartbeat %v: want %v to %v", m.Heartbeat, minHeartbeat, maxHeartbeat)
	}
	return firstOf(checkLabel("release", m.Release), checkSession(m.Session))
}

// Agree is the highest version that both sides speak.
func (m Hello) Agree(peer Hello) (uint16, error) {
	version := min(m.Highest, peer.Highest)
	if version < max(m.Lowest, peer.Lowest) {
		return 0, fmt.Errorf("no common version of the migration protocol: hull %s speaks %d to %d, the other side's hull %s %d to %d",
			m.Release, m.Lowest, m.Highest, peer.Release, peer.Lowest, peer.Highest)
	}
	return version, nil
}

// Channel begins a connection for memory.
type Channel struct {
	Session Session `cbor:"1,keyasint"`
	Number  uint8   `cbor:"2,keyasint"` // below MaxChannels
}

func (Channel) Type() Type { return TypeChannel }

func (m Channel) judge() error {
	if m.Number >= MaxChannels {
		return fmt.Errorf("channel %d: want 0 to %d", m.Number, MaxChannels-1)
	}
	return checkSession(m.Session)
}

// Ask begins a connection for the question what became of a session.
type Ask struct {
	Session Session `cbor:"1,keyasint"`
}

func (Ask) Type() Type { return TypeAsk }

func (m Ask) judge() error { return checkSession(m.Session) }

// Outcome is what became of a session, as its target knows.
type Outcome string

// The outcomes.
const (
	OutcomePrepared Outcome = "prepared" // the target waits for commit
	OutcomeRunning  Outcome = "running"  // it is the target's
	OutcomeAborted  Outcome = "aborted"  // it never ran on the target, and never will
	OutcomeUnknown  Outcome = "unknown"  // the target knows no such session
)

// Answer is what became of a session.
type Answer struct {
	Session Session `cbor:"1,keyasint"`
	Outcome Outcome `cbor:"2,keyasint"`
	Since   int64   `cbor:"3,keyasint"` // Unix time at which it ran, nanoseconds; 0 for other outcomes
	Reason  string  `cbor:"4,keyasint"` // why it was aborted; may be empty
}

func (Answer) Type() Type { return TypeAnswer }

func (m Answer) clean() Message {
	m.Reason = CleanText(m.Reason, maxShort)
	return m
}

func (m Answer) judge() error {
	switch m.Outcome {
	case OutcomePrepared, OutcomeRunning, OutcomeAborted, OutcomeUnknown:
	default:
		return fmt.Errorf("outcome %.64q", string(m.Outcome))
	}
	if (m.Since > 0) != (m.Outcome == OutcomeRunning) || m.Since < 0 {
		return fmt.Errorf("outcome %s since %d", m.Outcome, m.Since)
	}
	if m.Reason != "" {
		if m.Outcome != OutcomeAborted {
			return fmt.Errorf("outcome %s with a reason", m.Outcome)
		}
		if err := checkText("reason", m.Reason, maxShort); err != nil {
			return err
		}
	}
	return checkSession(m.Session)
}
