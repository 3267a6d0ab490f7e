package wire

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Limits of a description.
const (
	MaxDisks       = 64
	maxInstance    = 1 << 20 // bytes
	maxMonitor     = 2 << 20 // bytes
	maxCompression = 16
	maxReasons     = 31      // each of maxReason bytes, they fit into a reject
	maxMemory      = 1 << 46 // of a guest, bytes
	maxDisk        = 1 << 62 // bytes
	maxDowntime    = time.Hour
	page           = 4096
)

// Describe is the machine that is to move. What is opaque here is judged by who knows it.
type Describe struct {
	Instance    []byte        `cbor:"1,keyasint"` // JSON of the instance's description
	Monitor     []byte        `cbor:"2,keyasint"` // what its monitor says of it, for a monitor
	Disks       []Disk        `cbor:"3,keyasint"`
	MemorySize  uint64        `cbor:"4,keyasint"` // of the guest, bytes
	Channels    uint8         `cbor:"5,keyasint"` // connections for memory that the source wants
	Compression []string      `cbor:"6,keyasint"` // encodings of memory that the source may use
	CopyDisks   bool          `cbor:"7,keyasint"` // disks move too: the target does not share them
	Hull        string        `cbor:"8,keyasint"` // the source's release
	Downtime    time.Duration `cbor:"9,keyasint"` // how long the guest may be held; 0 where nobody said
}

// Disk is one of the machine's.
type Disk struct {
	Name     string `cbor:"1,keyasint"`
	Format   string `cbor:"2,keyasint"`
	Path     string `cbor:"3,keyasint"` // on the source
	Size     uint64 `cbor:"4,keyasint"` // as the guest sees it, bytes
	ReadOnly bool   `cbor:"5,keyasint"`
}

func (Describe) Type() Type { return TypeDescribe }

func (m Describe) judge() error {
	switch {
	case len(m.Instance) < 1 || len(m.Instance) > maxInstance:
		return fmt.Errorf("instance: %d bytes, want 1 to %d", len(m.Instance), maxInstance)
	case len(m.Monitor) < 1 || len(m.Monitor) > maxMonitor:
		return fmt.Errorf("monitor: %d bytes, want 1 to %d", len(m.Monitor), maxMonitor)
	case m.MemorySize == 0 || m.MemorySize > maxMemory || m.MemorySize%page != 0:
		return fmt.Errorf("memory of %d bytes: want pages of %d, and at most %d", m.MemorySize, page, uint64(maxMemory))
	case m.Downtime < 0 || m.Downtime > maxDowntime:
		return fmt.Errorf("downtime %v: want 0 to %v", m.Downtime, maxDowntime)
	}
	return firstOf(checkDisks(m.Disks), checkChannels(m.Channels), checkCompression(m.Compression), checkLabel("release", m.Hull))
}

func checkDisks(disks []Disk) error {
	if len(disks) > MaxDisks {
		return fmt.Errorf("%d disks: the most is %d", len(disks), MaxDisks)
	}
	names := make(map[string]bool, len(disks))
	for i, d := range disks {
		if err := d.judge(); err != nil {
			return fmt.Errorf("disk %d: %w", i, err)
		}
		if names[d.Name] {
			return fmt.Errorf("disk %d: there is another %q", i, d.Name)
		}
		names[d.Name] = true
	}
	return nil
}

func (d Disk) judge() error {
	if d.Size > maxDisk {
		return fmt.Errorf("size of %d bytes: the most is %d", d.Size, uint64(maxDisk))
	}
	return firstOf(checkLabel("name", d.Name), checkLabel("format", d.Format), checkText("path", d.Path, maxPath))
}

func checkChannels(n uint8) error {
	if n < 1 || n > MaxChannels {
		return fmt.Errorf("%d connections for memory: want 1 to %d", n, MaxChannels)
	}
	return nil
}

// checkCompression takes names that this release does not know: who has newer ones is
// not to be refused for it.
func checkCompression(names []string) error {
	if len(names) > maxCompression {
		return fmt.Errorf("%d encodings: the most is %d", len(names), maxCompression)
	}
	for i, name := range names {
		if err := checkLabel("encoding", name); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("encoding %q twice", name)
		}
	}
	return nil
}

// Accept is the target's yes: its machine is built, and waits for its memory.
type Accept struct {
	Channels    uint8    `cbor:"1,keyasint"` // connections for memory that are to be made
	Compression []string `cbor:"2,keyasint"` // encodings of memory that it reads, of those that were named
}

func (Accept) Type() Type { return TypeAccept }

func (m Accept) judge() error {
	return firstOf(checkChannels(m.Channels), checkCompression(m.Compression))
}

// Reject is the target's no, with all reasons.
type Reject struct {
	Reasons []string `cbor:"1,keyasint"`
}

func (Reject) Type() Type { return TypeReject }

// clean keeps the first reasons, and says how many more there were.
func (m Reject) clean() Message {
	reasons := make([]string, 0, min(len(m.Reasons), maxReasons))
	for i, r := range m.Reasons {
		if i == maxReasons-1 && len(m.Reasons) > maxReasons {
			reasons = append(reasons, "and "+strconv.Itoa(len(m.Reasons)-i)+" more")
			break
		}
		reasons = append(reasons, orNone(CleanText(r, maxReason)))
	}
	return Reject{reasons}
}

func (m Reject) judge() error {
	if len(m.Reasons) < 1 || len(m.Reasons) > maxReasons {
		return fmt.Errorf("%d reasons: want 1 to %d", len(m.Reasons), maxReasons)
	}
	for _, r := range m.Reasons {
		if err := checkText("reason", r, maxReason); err != nil {
			return err
		}
	}
	return nil
}
