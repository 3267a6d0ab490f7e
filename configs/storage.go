package configs

import (
	"fmt"
	"path"
)

// Disk is a disk of the guest.
type Disk struct {
	// Name is what messages call the disk, and its serial number in the guest: 1
	// to 20 of `a-z A-Z 0-9 . _ -`, the first a letter or digit. It has to be
	// given.
	Name string `toml:"name"`

	// Path is the image file or block device. It has to be given.
	Path string `toml:"path" form:"path"`

	// Format is what the file is. It has to be given, since a guest can write
	// anything into a raw image, the head of another format too.
	Format DiskFormat `toml:"format"`

	// Backing lists the files, and folders of such, that a qcow2 image may have
	// below it. Without them an image with a backing file is refused: whoever has
	// written the image has chosen that file.
	Backing []string `toml:"backing" form:"path"`

	// ReadOnly keeps the guest from writing. Several machines may then share the
	// file.
	ReadOnly bool `toml:"read_only"`

	// Direct bypasses the host's page cache.
	Direct bool `toml:"direct"`

	// Queues is the number of request queues, 1 to 16. 0 stands for one.
	Queues int `toml:"queues"`

	// BytesPerSecond limits reads and writes together. 0 is no limit.
	BytesPerSecond Size `toml:"bytes_per_second"`

	// BytesBurst is how many bytes may go at once after a rest. 0 stands for a
	// tenth of a second's worth.
	BytesBurst Size `toml:"bytes_burst"`

	// OperationsPerSecond limits requests. 0 is no limit.
	OperationsPerSecond int `toml:"operations_per_second"`

	// OperationsBurst is how many requests may go at once after a rest. 0 stands
	// for a tenth of a second's worth.
	OperationsBurst int `toml:"operations_burst"`

	// Mount is the folder on which the agent mounts the disk, an absolute path in
	// the guest; on `/` it is the root file system, in which `[init] exec` runs.
	// Without it the agent leaves the disk alone.
	Mount string `toml:"mount"`

	// Filesystem is the type of the file system to mount.
	Filesystem string `toml:"filesystem"`
}

// Share is a folder of the host that the guest sees (virtio-fs).
type Share struct {
	// Name is the tag by which the guest mounts it: 1 to 36 of
	// `a-z A-Z 0-9 . _ -`, the first a letter or digit. It has to be given.
	Name string `toml:"name"`

	// Path is the folder on the host. It has to be given.
	Path string `toml:"path" form:"path"`

	// ReadOnly keeps the guest from writing.
	ReadOnly bool `toml:"read_only"`

	// Mount is the folder on which the agent mounts it, an absolute path in the
	// guest. Without it the agent leaves it alone.
	Mount string `toml:"mount"`

	// Cache is how long the guest may believe what it has read: for a moment
	// (`auto`), or not at all (`none`), where others write the folder too.
	Cache ShareCache `toml:"cache"`
}

// DiskFormat is what a disk's file is.
type DiskFormat string

// The formats there are.
const (
	FormatRaw   DiskFormat = "raw"
	FormatQCOW2 DiskFormat = "qcow2"
)

// ShareCache is how long a guest believes what it has read of a share.
type ShareCache string

// The ways to cache there are.
const (
	CacheAuto ShareCache = "auto"
	CacheNone ShareCache = "none"
)

var (
	formatWords = []string{string(FormatRaw), string(FormatQCOW2)}
	cacheWords  = []string{string(CacheAuto), string(CacheNone)}
)

// UnmarshalText takes one of the formats' words.
func (f *DiskFormat) UnmarshalText(text []byte) error { return parseWord(f, text, formatWords) }

// UnmarshalText takes one of the caches' words.
func (c *ShareCache) UnmarshalText(text []byte) error { return parseWord(c, text, cacheWords) }

func (d *Disk) complete() {
	if d.Queues == 0 {
		d.Queues = 1
	}
	if d.Filesystem == "" {
		d.Filesystem = "ext4"
	}
}

func (s *Share) complete() {
	if s.Cache == "" {
		s.Cache = CacheAuto
	}
}

func (m *Machine) checkDisks(r *report) {
	if len(m.Disks) > maxDisks && r.ok("disk") {
		r.add("disk", nil, fmt.Sprintf("must be at most %d, and are %d", maxDisks, len(m.Disks)), "attach fewer")
		return
	}
	names := make(map[string]int)
	for i, d := range m.Disks {
		at := index("disk", i)
		d.check(at, r)
		checkUnique(names, at+".name", d.Name, "disk", i, r)
	}
}

func (d Disk) check(at string, r *report) {
	checkDeviceName(at+".name", d.Name, maxSerial, r)
	checkGivenPath(at+".path", d.Path, "name the image", r)
	if r.ok(at+".format") && d.Format == "" {
		r.add(at+".format", nil, "must be given", `say what the file is, "raw" or "qcow2"`)
	} else {
		word(at+".format", d.Format, formatWords, r)
	}
	for i, p := range d.Backing {
		checkGivenPath(index(at+".backing", i), p, "name a file or a folder", r)
	}
	if len(d.Backing) > 0 && d.Format == FormatRaw && r.ok(at+".backing", at+".format") {
		r.add(at+".backing", nil, "means nothing for a raw image", "remove it")
	}
	inRange(at+".queues", d.Queues, 1, maxQueues, r)
	checkRate(at, "bytes", int64(d.BytesPerSecond), int64(d.BytesBurst), r)
	checkRate(at, "operations", int64(d.OperationsPerSecond), int64(d.OperationsBurst), r)
	if d.Mount != "" && r.ok(at+".mount") && d.Mount != "/" {
		checkGuestPath(at+".mount", d.Mount, r)
	}
	if r.ok(at+".filesystem") && !isName(d.Filesystem, 32, "_-.") {
		r.add(at+".filesystem", d.Filesystem, "must be the name of a file system", `write it as in "ext4"`)
	}
}

func (m *Machine) checkShares(r *report) {
	if len(m.Shares) > maxShares && r.ok("share") {
		r.add("share", nil, fmt.Sprintf("must be at most %d, and are %d", maxShares, len(m.Shares)), "share fewer")
		return
	}
	names := make(map[string]int)
	for i, s := range m.Shares {
		at := index("share", i)
		s.check(at, r)
		checkUnique(names, at+".name", s.Name, "share", i, r)
	}
}

func (s Share) check(at string, r *report) {
	checkDeviceName(at+".name", s.Name, maxTag, r)
	checkGivenPath(at+".path", s.Path, "name the folder", r)
	word(at+".cache", s.Cache, cacheWords, r)
	if s.Mount != "" && r.ok(at+".mount") {
		checkGuestPath(at+".mount", s.Mount, r)
		if s.Mount == "/" {
			r.add(at+".mount", s.Mount, "is the root file system's", "mount it on a folder")
		}
	}
}

// checkMounts notes what is to be mounted twice on one folder, or by nobody.
func (m *Machine) checkMounts(r *report) {
	type mount struct{ at, on string }
	var mounts []mount
	for i, d := range m.Disks {
		mounts = append(mounts, mount{index("disk", i) + ".mount", d.Mount})
	}
	for i, s := range m.Shares {
		mounts = append(mounts, mount{index("share", i) + ".mount", s.Mount})
	}
	seen := make(map[string]string)
	for _, one := range mounts {
		if one.on == "" || !r.ok(one.at) {
			continue
		}
		on := path.Clean(one.on)
		if first, twice := seen[on]; twice {
			r.add(one.at, one.on, "is taken by "+first, "mount one of the two elsewhere")
			continue
		}
		seen[on] = one.at
		if m.Boot.Initrd != InitrdBuilt && r.ok("boot.initrd") {
			r.add(one.at, one.on, "is done by Hull's agent, and boot.initrd has another initrd, or none", "remove one of the two")
		}
	}
}
