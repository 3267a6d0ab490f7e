package snapshot

import (
	"errors"
	"fmt"
)

// Names of the files of a snapshot.
const (
	ManifestFile   = "manifest.json"
	MachineFile    = "machine.toml" // the description of the machine
	StateFile      = "state"        // package vmstate
	MemoryFile     = "memory"       // package memfile, and the three below
	SumsFile       = "memory.sums"  // checksums of the memory
	MapFile        = "memory.map"   // which pages an incremental snapshot has
	WorkingSetFile = "memory.order" // what is used first after a restore
	LockFile       = "lock"         // locked by whoever uses the snapshot
)

// DiskFile is the name of the copy of a disk.
func DiskFile(disk string) string { return "disk-" + disk }

// maxName is the longest name, in bytes.
const maxName = 64

// CheckName refuses what is no name of a snapshot: 1 to 64 of `a-z A-Z 0-9 . _ -`,
// the first a letter or a digit. So a name is a directory's, and leads nowhere else.
func CheckName(name string) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("name %q: %w", name, err)
	}
	return nil
}

func checkName(name string) error {
	if name == "" {
		return errors.New("it is empty")
	}
	if len(name) > maxName {
		return fmt.Errorf("it has more than %d characters", maxName)
	}
	for i := range len(name) {
		if !isLetterOrDigit(name[i]) && name[i] != '.' && name[i] != '_' && name[i] != '-' {
			return errors.New("it may have letters, digits, '.', '_' and '-' only")
		}
	}
	if !isLetterOrDigit(name[0]) {
		return errors.New("it has to begin with a letter or a digit")
	}
	return nil
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
