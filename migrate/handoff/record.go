package handoff

import (
	"errors"
	"fmt"
)

// SourceFate is what a source has written down about its machine.
type SourceFate uint8

// What a source can have written down.
const (
	// HandedOver: the target may have the machine. It does not run here.
	HandedOver SourceFate = iota + 1
	// TakenBack: the target does not have it, and never will. It may run here.
	TakenBack
	// Moved: the target has it. It never runs here again.
	Moved
)

var sourceFates = []string{"handed-over", "taken-back", "moved"}

// String is the word that records have for it.
func (f SourceFate) String() string { return name(sourceFates, f) }

// TargetFate is what a target has written down about a session.
type TargetFate uint8

// What a target can have written down.
const (
	// Prepared: the machine is loaded and has not run. Found after the end of the
	// process that had it, it means the same as Aborted.
	Prepared TargetFate = iota + 1
	// Running: the machine is the target's, whether it has run yet or not.
	Running
	// Aborted: it never ran here, and never will.
	Aborted
)

var targetFates = []string{"prepared", "running", "aborted"}

// String is the word that records have for it.
func (f TargetFate) String() string { return name(targetFates, f) }

// SourceRecord is the source's durable file of a session.
type SourceRecord struct {
	Session Session    `json:"session"`
	Fate    SourceFate `json:"fate"`
	// Operator: a person decided it, and not the target's word.
	Operator bool `json:"operator,omitempty"`
}

// TargetRecord is the target's durable file of a session.
type TargetRecord struct {
	Session Session    `json:"session"`
	Fate    TargetFate `json:"fate"`
}

var errNoSession = errors.New("has no session")

// Check says what is wrong with a record that was read.
func (r SourceRecord) Check() error {
	switch {
	case r.Session == Session{}:
		return fmt.Errorf("source's record: %w", errNoSession)
	case r.Fate < HandedOver || r.Fate > Moved:
		return fmt.Errorf("source's record of %s: unknown fate %d", r.Session, uint8(r.Fate))
	case r.Operator && r.Fate == HandedOver:
		return fmt.Errorf("source's record of %s: an operator hands nothing over", r.Session)
	}
	return nil
}

// Check says what is wrong with a record that was read.
func (r TargetRecord) Check() error {
	switch {
	case r.Session == Session{}:
		return fmt.Errorf("target's record: %w", errNoSession)
	case r.Fate < Prepared || r.Fate > Aborted:
		return fmt.Errorf("target's record of %s: unknown fate %d", r.Session, uint8(r.Fate))
	}
	return nil
}

// MarshalText is for records.
func (f SourceFate) MarshalText() ([]byte, error) {
	if f < HandedOver || f > Moved {
		return nil, fmt.Errorf("source's fate: %d is none", uint8(f))
	}
	return []byte(f.String()), nil
}

// UnmarshalText refuses words that are not of the list.
func (f *SourceFate) UnmarshalText(text []byte) error {
	read, ok := value[SourceFate](sourceFates, text)
	if !ok {
		return fmt.Errorf("source's fate: unknown word %q", text)
	}
	*f = read
	return nil
}

// MarshalText is for records.
func (f TargetFate) MarshalText() ([]byte, error) {
	if f < Prepared || f > Aborted {
		return nil, fmt.Errorf("target's fate: %d is none", uint8(f))
	}
	return []byte(f.String()), nil
}

// UnmarshalText refuses words that are not of the list.
func (f *TargetFate) UnmarshalText(text []byte) error {
	read, ok := value[TargetFate](targetFates, text)
	if !ok {
		return fmt.Errorf("target's fate: unknown word %q", text)
	}
	*f = read
	return nil
}
