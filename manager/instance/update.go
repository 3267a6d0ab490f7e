package instance

import (
	"fmt"

	"github.com/hullvm/hull/configs"
)

// Update is changes to what an instance may have; nil leaves a value as it is.
type Update struct {
	CPUs        *configs.CPUQuota      `json:"cpus,omitempty"`         // hundredths of processors; 0 for no limit
	MemoryLimit *uint64                `json:"memory_limit,omitempty"` // of the machine with its monitor, bytes; 0 for no limit
	Memory      *uint64                `json:"memory,omitempty"`       // what the guest is to have, bytes: the balloon takes the rest
	Restart     *configs.RestartPolicy `json:"restart,omitempty"`
	Disks       map[string]DiskRates   `json:"disks,omitempty"` // by name, until the machine ends
}

// DiskRates are limits of a disk; 0 is no limit.
type DiskRates struct {
	BytesPerSecond      uint64 `json:"bytes_per_second"`
	OperationsPerSecond uint64 `json:"operations_per_second"`
}

// Apply puts the changes into a description, or leaves it as it is and says what is
// wrong with them, as an *Error of KindInvalid.
func (u *Update) Apply(d *Description) error {
	next := *d
	if u.CPUs != nil {
		if *u.CPUs < 0 {
			return invalid("cpus: %d hundredths is less than none", *u.CPUs)
		}
		next.CPUs = *u.CPUs
	}
	if u.MemoryLimit != nil {
		if *u.MemoryLimit != 0 && *u.MemoryLimit <= d.Memory {
			return invalid("memory limit of %d bytes: it must be more than the guest's %d bytes, for its monitor needs some beside them", *u.MemoryLimit, d.Memory)
		}
		next.MemoryLimit = *u.MemoryLimit
	}
	if u.Memory != nil {
		switch {
		case !d.HasBalloon:
			return invalid("memory: the machine has no balloon to take any back with; set balloon.enabled in its machine file")
		case *u.Memory == 0 || *u.Memory > d.Memory || *u.Memory%pageSize != 0:
			return invalid("memory of %d bytes: it must be whole pages of 4 KiB, and at most the %d bytes that the machine was made with", *u.Memory, d.Memory)
		}
		next.Balloon = d.Memory - *u.Memory
	}
	if u.Restart != nil {
		policy, err := configs.ParseRestartPolicy(string(*u.Restart))
		if err != nil {
			return &Error{Kind: KindInvalid, Err: err}
		}
		next.Restart = policy
	}
	*d = next
	return nil
}

// Empty reports whether nothing is to be changed.
func (u *Update) Empty() bool {
	return u.CPUs == nil && u.MemoryLimit == nil && u.Memory == nil && u.Restart == nil && len(u.Disks) == 0
}

const pageSize = 4096

func invalid(format string, args ...any) error {
	return &Error{Kind: KindInvalid, Err: fmt.Errorf(format, args...)}
}
