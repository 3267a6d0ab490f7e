package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// Migrations is what moves a running instance from one host to another: Migrate at
// the one that it leaves, Receive at the one that it goes to. Failures are
// [*instance.Error]s.
type Migrations interface {
	// Migrate moves an instance to a host that waits for one with Receive. It returns
	// when the machine runs there, and is gone here or, with Keep, has exited. On a
	// failure, or where ctx ends, before the machine is handed over the guest goes on
	// here. From then on ctx ends only the wait: the instance stays as it is until it
	// is known that the machine runs there.
	Migrate(ctx context.Context, ref string, o MigrateOptions) (*MigrationReport, error)
	// CancelMigration ends the move of an instance, and returns when the guest goes
	// on here. Once the machine is handed over it is too late:
	// [instance.KindWrongState].
	CancelMigration(ctx context.Context, ref string) error
	// ResolveMigration ends the doubt about an instance that was handed over, and of
	// which nothing was heard since, by the word of somebody who knows: it goes on at
	// that side, and is given up at the other. Two machines run where that is wrong.
	ResolveMigration(ctx context.Context, ref string, side Side) error

	// Receive waits for one machine and returns when it runs here.
	Receive(ctx context.Context, o ReceiveOptions) (*instance.Description, error)
}

// Side is one of the two hosts of a move.
type Side string

// The sides there are.
const (
	SideSource Side = "source" // the host that the machine leaves
	SideTarget Side = "target" // the host that it goes to
)

// Ways to compress memory on its way.
const (
	CompressAuto = "auto" // what is fastest, as each connection measures
	CompressNone = "none"
	CompressLZ4  = "lz4"
	CompressZstd = "zstd"
)

// Bounds and defaults of a move.
const (
	DefaultDowntime         = 50 * time.Millisecond
	MaxMigrationConnections = 8
	MaxMigrationThrottle    = 99 // percent
)

// MigrateOptions say where an instance is to go, and how.
type MigrateOptions struct {
	To  string    // HOST, HOST:PORT or unix:PATH (MoveAddress)
	TLS *TLSFiles // nil: not encrypted, and whoever answers gets the machine

	Connections int           // for memory, up to MaxMigrationConnections; 0 has them chosen
	Compression string        // a way to compress; empty for CompressAuto
	Bandwidth   uint64        // bytes/s that memory may take of the network; 0 for no bound
	Downtime    time.Duration // that the guest may be held; 0 for DefaultDowntime
	Throttle    int           // percent by which the guest may be slowed, up to MaxMigrationThrottle
	Timeout     time.Duration // that memory may take before the move is given up; 0 for none

	// Keep leaves the instance here, exited, when the machine runs there.
	Keep bool
	// Verify has the memory of both sides compared before the machine is handed over:
	// the guest is held for as long as that takes.
	Verify bool

	// Progress is called now and then with how far the move is, from one goroutine,
	// and not any more when Migrate has returned. It may be nil.
	Progress func(MigrationProgress)
}

// TLSFiles are paths of PEM files for connections of which both ends show
// certificates.
type TLSFiles struct {
	CA   string // the authority whose certificates the other side must have
	Cert string // this side's
	Key  string // of Cert

	// Name is the host's name that the target's certificate must have; empty for the
	// host of MigrateOptions.To. A target expects none.
	Name string
}

// MigrationProgress is how far a move is. Phases are those of
// docs/migration-protocol.md: greeting, describing, copying, holding, prepared,
// handed-over, committed, running.
type MigrationProgress struct {
	Phase string `json:"phase"`
	Round int    `json:"round"` // the pass over memory, from 1; 0 before the first

	Sent  uint64 `json:"sent"`  // bytes of memory in all passes, before compression
	Total uint64 `json:"total"` // bytes of memory that the guest has
	Left  uint64 `json:"left"`  // bytes of memory that are not up to date there

	Rate      uint64 `json:"rate"`       // bytes/s that are sent
	DirtyRate uint64 `json:"dirty_rate"` // bytes/s that the guest changes
	Throttle  int    `json:"throttle"`   // percent by which the guest is slowed

	ExpectedDowntime time.Duration `json:"expected_downtime"` // were the guest held now, nanoseconds
	Elapsed          time.Duration `json:"elapsed"`           // since the beginning, nanoseconds
}

// MigrationReport is what a move took.
type MigrationReport struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	To     string `json:"to"`
	Rounds int    `json:"rounds"` // passes over memory, the last one with them

	Sent      uint64 `json:"sent"` // bytes of memory in all passes, before compression
	Pages     uint64 `json:"pages"`
	ZeroPages uint64 `json:"zero_pages"`
	Wire      uint64 `json:"wire"` // bytes that memory took on the network

	Total    time.Duration `json:"total"`    // nanoseconds
	Downtime time.Duration `json:"downtime"` // that the guest was held, nanoseconds
	Parts    DowntimeParts `json:"parts"`
}

// DowntimeParts are what the guest was held for, in order, in nanoseconds.
type DowntimeParts struct {
	Pause    time.Duration `json:"pause"`     // until the last vCPU and device stood
	LastPass time.Duration `json:"last_pass"` // over the memory that was left
	State    time.Duration `json:"state"`     // of vCPUs and devices, written and sent
	Load     time.Duration `json:"load"`      // of it at the target, and its word
	Resume   time.Duration `json:"resume"`    // the hand-over, until its vCPUs ran
}

// ReceiveOptions say what to wait for.
type ReceiveOptions struct {
	Listen string    // [HOST]:PORT, HOST or unix:PATH (MoveAddress)
	TLS    *TLSFiles // nil: not encrypted, and whoever comes may bring a machine

	Name   string            // of the instance; empty for the one it had, which must be free
	Disks  map[string]string // paths here by the disks' names; the others have those of the source
	Expire time.Duration     // how long to wait for a machine to come; 0 for ever

	Unconfined bool   // run the monitor without its jail
	SlowKVM    bool   // allow a KVM that emulates kernel code
	KVM        string // the KVM device; empty for /dev/kvm

	// Listening is called once with the address, as MoveAddress reads it, when
	// a machine may come; a port that was left to the system is in it. Refused is called
	// with why an attempt failed: the wait goes on. Neither is called any more when
	// Receive has returned. Either may be nil.
	Listening func(address string)
	Refused   func(error)
}
