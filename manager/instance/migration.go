package instance

import (
	"fmt"
	"time"
)

// Role is the side that a host has in a migration.
type Role string

// The roles there are.
const (
	Source Role = "source" // the machine was here
	Target Role = "target" // it came here
)

// Migration is a machine's move from one host to another.
type Migration struct {
	Session string    `json:"session"`         // tells it from all others
	Role    Role      `json:"role"`            // of this host
	Peer    string    `json:"peer"`            // address of the other
	Since   time.Time `json:"since"`           // of the role: handed over, or received
	Moved   bool      `json:"moved,omitempty"` // by the target's word, or a user's: it has the machine
}

// Gone reports whether the machine was given to another host: nothing but a user's
// word, or proof that it never ran there, lets it run here again.
func (s *State) Gone() bool { return s.Migration != nil && s.Migration.Role == Source }

// GoneError says that, and what to do.
func (s *State) GoneError(name string) error {
	return &Error{Kind: KindWrongState, Err: fmt.Errorf(
		"its machine was handed over to %s, and may run there: two of it would destroy its disks; if it is certain that it does not run there, \"hull migrate --resolve source %s\" makes it this host's again", s.Migration.Peer, name)}
}

// NeverArrived reports whether the machine was to come here and did not: there is
// nothing of it.
func (s *State) NeverArrived() bool {
	return s.Status == Exited && s.Migration != nil && s.Migration.Role == Target && s.Started.IsZero()
}
