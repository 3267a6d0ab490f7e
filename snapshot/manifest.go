package snapshot

import (
	"time"
)

// Format is the version of the manifest.
const Format = 1

// Manifest is what a snapshot says of itself.
type Manifest struct {
	Format   int       `json:"format"`
	Hull     string    `json:"hull"`    // the version that took it
	Created  time.Time `json:"created"` // UTC
	Name     string    `json:"name"`
	Instance Instance  `json:"instance"`

	// Parent is the snapshot whose memory this one's lies over; nil for a snapshot
	// that is whole by itself.
	Parent *Parent `json:"parent,omitempty"`

	Machine File          `json:"machine"`
	State   File          `json:"state"`
	Memory  Memory        `json:"memory"`
	CPU     CPU           `json:"cpu"`
	VCPUs   int           `json:"vcpus"`
	Held    time.Duration `json:"held"`   // how long the guest was, nanoseconds; 0 where it was not let go
	Kernel  string        `json:"kernel"` // the kernel's bundle, empty for a kernel of no bundle
	Disks   []Disk        `json:"disks"`
}

// Instance is which one the snapshot was taken of.
type Instance struct {
	Name string `json:"name"`
	ID   string `json:"id"` // 64 hexadecimal digits
}

// Parent is another snapshot.
type Parent struct {
	Name     string `json:"name"`
	Manifest string `json:"manifest"` // SHA-256 of its manifest's file, in hexadecimal
}

// File is a file of the snapshot's.
type File struct {
	Size   int64  `json:"size"`   // bytes
	SHA256 string `json:"sha256"` // hexadecimal
}

// Backing words are those of machine files.
const (
	BackingAnonymous = "anonymous"
	BackingMemfd     = "memfd"
)

// Memory is the guest's RAM.
type Memory struct {
	Size     int64  `json:"size"`      // bytes, of the RAM and of its file
	PageSize int64  `json:"page_size"` // bytes of a page of the host's that it had: 4 KiB, 2 MiB or 1 GiB
	Backing  string `json:"backing"`
	Slots    []Slot `json:"slots"`

	Sums string `json:"sums"`          // SHA-256 of the file of checksums, in hexadecimal
	Map  string `json:"map,omitempty"` // likewise of the file of pages; with a parent only
}

// Slot is a contiguous piece of RAM.
type Slot struct {
	Base   uint64 `json:"base"`   // guest-physical address
	Size   int64  `json:"size"`   // bytes
	Offset int64  `json:"offset"` // in the memory file
}

// CPU is the host's processor, and what the guest was shown of it.
type CPU struct {
	Vendor   string `json:"vendor"`   // such as "AuthenticAMD"
	Family   uint32 `json:"family"`   // with the extended part, likewise model
	Model    uint32 `json:"model"`    //
	Stepping uint32 `json:"stepping"` //
	Name     string `json:"name"`     // the brand string
	Guest    string `json:"guest"`    // the description's cpu.model
	TSC      uint64 `json:"tsc_khz"`  // of the guest's time stamp counter
}

// Roles of a disk's file.
const (
	RoleDisk    = "disk"    // the disk itself
	RoleBacking = "backing" // a file below a qcow2 image
)

// Disk is a file, or a block device, that the machine needs.
type Disk struct {
	Name     string `json:"name"` // the description's
	Role     string `json:"role"`
	Format   string `json:"format"` // "raw" or "qcow2"
	Path     string `json:"path"`   // absolute
	ReadOnly bool   `json:"read_only"`

	// Unchanged has a restore refuse the disk if it is no longer as it was.
	Unchanged bool     `json:"unchanged"`
	File      Identity `json:"file"`
}
