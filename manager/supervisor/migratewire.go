package supervisor

import (
	"errors"
	"io"
	"time"

	"github.com/hullvm/hull/manager/instance"
	"github.com/hullvm/hull/migrate/transport"
)

// Migrate says where a machine is to go, and how.
type Migrate struct {
	To  string           `json:"to"`            // an address of package transport
	TLS *transport.Files `json:"tls,omitempty"` // nil: not encrypted
	// ServerName is the one that the target's certificate must have; empty for the host
	// of To.
	ServerName string `json:"server_name,omitempty"`

	Connections int           `json:"connections,omitempty"` // for memory; 0 has them chosen
	Compression string        `json:"compression,omitempty"` // empty for "auto"
	Bandwidth   uint64        `json:"bandwidth,omitempty"`   // bytes/s; 0 for no bound
	Downtime    time.Duration `json:"downtime"`              // nanoseconds
	Throttle    int           `json:"throttle,omitempty"`    // percent at most
	Timeout     time.Duration `json:"timeout,omitempty"`     // of the copying; 0 for none
	Keep        bool          `json:"keep,omitempty"`        // the instance stays here, exited
	Verify      bool          `json:"verify,omitempty"`
}

// Moving is how far a move is.
type Moving struct {
	Phase string `json:"phase"`
	Round int    `json:"round"`

	Sent      uint64 `json:"sent"`  // bytes of memory in all passes
	Total     uint64 `json:"total"` // bytes of memory
	Left      uint64 `json:"left"`  // bytes of memory
	Rate      uint64 `json:"rate"`  // bytes/s
	DirtyRate uint64 `json:"dirty_rate"`
	Throttle  int    `json:"throttle"` // percent

	ExpectedDowntime time.Duration `json:"expected_downtime"` // nanoseconds
	Elapsed          time.Duration `json:"elapsed"`
}

// Migrated is what a move took.
type Migrated struct {
	Rounds    int    `json:"rounds"`
	Sent      uint64 `json:"sent"` // bytes of memory
	Pages     uint64 `json:"pages"`
	ZeroPages uint64 `json:"zero_pages"`
	Wire      uint64 `json:"wire"` // bytes

	Total    time.Duration `json:"total"` // nanoseconds, as those below
	Pause    time.Duration `json:"pause"`
	LastPass time.Duration `json:"last_pass"`
	State    time.Duration `json:"state"`
	Load     time.Duration `json:"load"`
	Resume   time.Duration `json:"resume"`
	Downtime time.Duration `json:"downtime"`

	// Unheard says that nothing was heard of the target, and a user has said that it
	// has the machine.
	Unheard bool `json:"unheard,omitempty"`
}

// Receive says what a supervisor waits for that is started to receive a machine.
type Receive struct {
	Name  string            `json:"name,omitempty"`  // of the instance; empty for the one it had
	Disks map[string]string `json:"disks,omitempty"` // paths by the disks' names
	TLS   *transport.Files  `json:"tls,omitempty"`   // nil: not encrypted
	// Deadline is when nobody waits any more for a machine to come; zero for never.
	Deadline time.Time `json:"deadline,omitzero"`

	Unconfined bool   `json:"unconfined,omitempty"`
	SlowKVM    bool   `json:"slow_kvm,omitempty"`
	KVM        string `json:"kvm,omitempty"`
}

// ErrExpired says that no machine has come in time.
var ErrExpired = &instance.Error{Kind: instance.KindGone, Err: errors.New("no machine has come in time")}

// WriteReceived sends the reply of a supervisor that was started to receive a machine:
// the instance's id, or why there is none.
func WriteReceived(w io.Writer, id string, err error) error {
	return writeLine(w, &Reply{ID: id, Error: failure(err)})
}
