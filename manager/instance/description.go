package instance

import (
	"fmt"
	"time"

	"github.com/hullvm/hull/configs"
)

// DescriptionVersion is the newest version of a description's file.
const DescriptionVersion = 1

// Description is what was asked for. It changes by rename and update alone.
type Description struct {
	Version int       `json:"version"`
	ID      string    `json:"id"` // 64 hexadecimal digits
	Name    string    `json:"name"`
	Created time.Time `json:"created"`

	// Machine is the machine file, with every value filled in (configs.Render)
	// and every path absolute.
	Machine string `json:"machine"`

	// What a list shows of the machine without reading it.
	Kernel  string   `json:"kernel"`  // the kernel's bundle or path
	Command []string `json:"command"` // the main process
	VCPUs   int      `json:"vcpus"`
	Memory  uint64   `json:"memory"` // of the guest, bytes
	Ports   []string `json:"ports,omitempty"`

	Restart     configs.RestartPolicy `json:"restart"`
	CPUs        configs.CPUQuota      `json:"cpus"`         // hundredths of processors, 0 for no limit
	MemoryLimit uint64                `json:"memory_limit"` // of the machine with its monitor, bytes, 0 for no limit
	Balloon     uint64                `json:"balloon"`      // taken from the guest, bytes
	HasBalloon  bool                  `json:"has_balloon"`
	StopTimeout time.Duration         `json:"stop_timeout"` // nanoseconds
	Labels      map[string]string     `json:"labels,omitempty"`

	// Snapshot is what the instance goes on from when it is started for the first
	// time; nil for one that boots.
	Snapshot *FromSnapshot `json:"snapshot,omitempty"`

	// Unconfined runs the monitor without its jail, for debugging.
	Unconfined bool `json:"unconfined,omitempty"`
	// SlowKVM allows a KVM that emulates kernel code.
	SlowKVM bool `json:"slow_kvm,omitempty"`
	// KVM is the path of the KVM device.
	KVM string `json:"kvm"`
	// AutoRemove removes the instance when it has ended.
	AutoRemove bool `json:"auto_remove,omitempty"`
}

// FromSnapshot is the snapshot that an instance was made of.
type FromSnapshot struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"` // tells it from another of its name
	Clone   bool      `json:"clone"`   // the instance is a machine of its own

	// Disks are names of those whose images lie over files of the snapshot.
	Disks []string `json:"disks,omitempty"`
}

// Check refuses a description that this release cannot have written.
func (d *Description) Check() error {
	switch {
	case d.Version < 1 || d.Version > DescriptionVersion:
		return fmt.Errorf("version %d: this release of hull reads up to %d", d.Version, DescriptionVersion)
	case !IsID(d.ID):
		return fmt.Errorf("id %q is not one", d.ID)
	case d.Name == "":
		return fmt.Errorf("no name")
	case d.Machine == "":
		return fmt.Errorf("no machine")
	}
	return nil
}

// Config is the machine. One that this release does not take is KindCorrupt.
func (d *Description) Config() (*configs.Machine, error) {
	m, err := configs.Parse(d.Name+".toml", []byte(d.Machine))
	if err != nil {
		return nil, &Error{Kind: KindCorrupt, Err: fmt.Errorf("instance %s: its machine: %w", ShortID(d.ID), err)}
	}
	return m, nil
}

// ShortID is what lists show of an id.
func ShortID(id string) string { return id[:min(len(id), 12)] }

// idLength is the length of an id.
const idLength = 64

// IsID reports whether s is a whole id.
func IsID(s string) bool { return len(s) == idLength && IsIDPrefix(s) }

// IsIDPrefix reports whether s may be the beginning of an id.
func IsIDPrefix(s string) bool {
	if s == "" || len(s) > idLength {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
