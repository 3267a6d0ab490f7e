package manager

import (
	"context"
	"time"

	"github.com/hullvm/hull/manager/instance"
)

// Snapshots is what can be done with snapshots of instances. A name is a
// snapshot's. Failures are [*instance.Error]s.
type Snapshots interface {
	// CreateSnapshot writes down what a running or paused instance is: its machine,
	// its memory, and what its disks hold, at one moment. It returns when the
	// snapshot is durable; on a failure there is none, and the instance goes on.
	CreateSnapshot(ctx context.Context, ref string, o SnapshotOptions) (*Snapshot, error)
	// ListSnapshots returns all snapshots, the newest first. One that cannot be used
	// is in it with its Problem.
	ListSnapshots(ctx context.Context) ([]Snapshot, error)
	// InspectSnapshot returns all that is known of a snapshot.
	InspectSnapshot(ctx context.Context, name string) (*SnapshotDetail, error)
	// VerifySnapshot reads all of a snapshot and holds it against its checksums.
	// progress, which may be nil, is called with how many bytes of how many were
	// read.
	VerifySnapshot(ctx context.Context, name string, progress func(done, total int64)) error
	// RemoveSnapshot deletes a snapshot. It fails while instances depend on it: the
	// disks of those that were made of it.
	RemoveSnapshot(ctx context.Context, name string, o RemoveOptions) error

	// Restore makes an instance that goes on where the snapshot was taken, as the
	// machine that it was, and returns when its vCPUs are in the guest.
	Restore(ctx context.Context, name string, o RestoreOptions) (*instance.Description, error)
	// Clone makes instances of a snapshot that are machines of their own: each has
	// its name, addresses, random numbers and disks before the guest's programs go
	// on. Those that were made before a failure stay, and are returned with it.
	Clone(ctx context.Context, name string, o CloneOptions) ([]*instance.Description, error)
}

// SnapshotOptions say how to make a snapshot.
type SnapshotOptions struct {
	Name string // of the snapshot; empty for the instance's own with the time

	// Live lets the guest run while its memory is written, and holds it only for
	// what has changed meanwhile and for the state of its devices.
	Live bool

	// Parent is a snapshot that the new one is to lie over: it has only the pages of
	// memory that may differ, and the parent cannot be removed before it. The instance
	// must have gone on from the parent and not have ended since, or the parent is the
	// last that was made of it with Track. Empty for a snapshot that is whole.
	Parent string

	// Track has the pages noted that change from here on, so that the next snapshot
	// can lie over this one. The guest pays with a fault for each page that it writes
	// the first time after a snapshot, and its network is not served by vhost-net any
	// more, until it ends.
	Track bool

	// Stop ends the instance once the snapshot is durable.
	Stop bool

	// Progress is called with how many bytes of memory of how many are written; it
	// may be nil.
	Progress func(done, total int64)
}

// RestoreOptions say how to make an instance of a snapshot.
type RestoreOptions struct {
	Name   string // of the instance; empty for the one it had, which must be free
	Labels map[string]string

	Verify  bool // read all of the snapshot before anything of it is used
	Paused  bool // leave the instance paused
	Created bool // leave the instance created: its first start has it go on

	AutoRemove bool   // remove the instance when it has ended
	Unconfined bool   // run the monitor without its jail
	SlowKVM    bool   // allow a KVM that emulates kernel code
	KVM        string // the KVM device; empty for /dev/kvm
}

// CloneOptions say how many instances to make of a snapshot, and how.
type CloneOptions struct {
	Count int // 1 or more

	// RestoreOptions.Name is the instances' name where there is one, and with a
	// number after it (web-1) where there are more; empty has names made up.
	RestoreOptions
}

// Snapshot is a snapshot in a list.
type Snapshot struct {
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Instance string    `json:"instance"`         // name of the one that it was taken of
	Parent   string    `json:"parent,omitempty"` // name of the snapshot that it lies over
	Kernel   string    `json:"kernel"`
	VCPUs    int       `json:"vcpus"`
	Memory   uint64    `json:"memory"` // of the guest, bytes
	Disks    int       `json:"disks"`
	Size     int64     `json:"size"` // disk space that it takes, bytes

	// Problem says why the snapshot cannot be used; all but the name may be empty
	// then.
	Problem string `json:"problem,omitempty"`
}

// SnapshotDetail is all that is known of a snapshot.
type SnapshotDetail struct {
	Snapshot
	Dir        string         `json:"dir"`
	Hull       string         `json:"hull"`        // the version that made it
	InstanceID string         `json:"instance_id"` // of the one that it was taken of
	Machine    string         `json:"machine"`     // the machine file
	MemoryFile int64          `json:"memory_file"` // disk space of the memory file, bytes
	Pause      time.Duration  `json:"pause"`       // how long the guest was held, nanoseconds
	DiskFiles  []SnapshotDisk `json:"disk_files"`  // what its disks hold
	Dependents []string       `json:"dependents"`  // names of instances whose disks need it
	StateParts []string       `json:"state_parts"` // names of the sections of its state
	Processor  string         `json:"processor"`   // of the host that it was taken on
}

// SnapshotDisk is a disk of a snapshot.
type SnapshotDisk struct {
	Name     string `json:"name"`
	Format   string `json:"format"`
	Path     string `json:"path"` // the snapshot's own copy, or a file that is only read
	ReadOnly bool   `json:"read_only"`
	Size     int64  `json:"size"` // disk space, bytes
}
