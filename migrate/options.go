package migrate

import (
	"time"

	"github.com/hullvm/hull/internal/release"
	"github.com/hullvm/hull/migrate/wire"
)

// Options say how a machine is sent.
type Options struct {
	Channels    int      // connections for memory
	Compression []string // encodings of memory that may be used

	Downtime time.Duration // that the guest may be held
	Throttle int           // percent by which it may be slowed
	Timeout  time.Duration // of the copying; 0 for none

	Patience Patience // zero for DefaultPatience
}

// Patience is how long is waited for a peer.
type Patience struct {
	Connect time.Duration // for a connection, and the greeting on it
	Prepare time.Duration // at the source: for a target that builds or loads a machine
	Answer  time.Duration // for a word on a connection, of a target that may have the machine
	Retry   time.Duration // between two tries to write or to connect
	Commit  time.Duration // at the target: prepared, without a connection
	Logs    time.Duration // for the instance's log, when the machine runs
}

// DefaultPatience is what docs/migration-protocol.md says.
var DefaultPatience = Patience{
	Connect: 15 * time.Second, Prepare: 2 * time.Minute, Answer: 5 * time.Second,
	Retry: time.Second, Commit: 30 * time.Second, Logs: time.Minute,
}

// heartbeat is how often a side says that it is there.
const heartbeat = time.Second

func hello(session wire.Session) wire.Hello {
	return wire.Hello{
		Lowest: wire.MinVersion, Highest: wire.Version, Release: release.Version,
		Session: session, Heartbeat: heartbeat,
	}
}
