package passthrough

import (
	"fmt"
	"time"
)

// Cache says what the guest may remember without asking.
type Cache int

// The ways to cache. Where a file is changed on both sides at once, only CacheNone
// shows each side the other's bytes at once.
const (
	// CacheAuto lets the guest remember names and attributes for a second, and
	// a file's pages until its time stamp changes or it is opened again.
	CacheAuto Cache = iota

	// CacheNone makes the guest ask every time. Files cannot be mapped shared.
	CacheNone

	// CacheAlways lets the guest remember everything for as long as it likes:
	// for directories that nobody but this guest changes.
	CacheAlways
)

var cacheNames = map[string]Cache{"auto": CacheAuto, "none": CacheNone, "always": CacheAlways}

// ParseCache turns auto, none or always into a Cache.
func ParseCache(name string) (Cache, error) {
	c, ok := cacheNames[name]
	if !ok {
		return 0, fmt.Errorf("cache %q: want auto, none or always", name)
	}
	return c, nil
}

func (c Cache) timeout() time.Duration {
	switch c {
	case CacheNone:
		return 0
	case CacheAlways:
		return 24 * time.Hour
	}
	return time.Second
}

// Owner is a user and a group.
type Owner struct {
	UID, GID uint32
}

// Options say what to serve and how.
type Options struct {
	// Root is a descriptor of the directory, which New makes its own.
	Root int

	// Proc is a descriptor of this process's /proc/self/fd, which New makes its
	// own. See OpenProc.
	Proc int

	// ReadOnly refuses with EROFS whatever would change anything.
	ReadOnly bool

	// Cache is what the guest may remember.
	Cache Cache

	// Xattr serves extended attributes of the namespace "user.", which costs the
	// guest a request for some of its system calls. Without it there are none.
	Xattr bool

	// Submounts shows what is mounted beneath the directory. Without it, such a
	// place is an error (EXDEV) for the guest, or what lies under the mount where
	// that is out of sight.
	Submounts bool

	// Owner, where it is not nil, is whom the guest sees instead of the server's
	// own user and group, and the other way round.
	Owner *Owner

	// MaxOpen is how many descriptors may be in use for the guest at a time; 0
	// for what the process may have, less some for itself.
	MaxOpen int

	// MaxInFlight is how many requests the guest should send at once.
	MaxInFlight int
}
