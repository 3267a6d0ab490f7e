package passthrough

import (
	"golang.org/x/sys/unix"

	"github.com/hullvm/hull/fsd/fuse"
)

// maxPages is how many pages of 4 KiB a read or a write may have: the most that
// Linux asks for without its administrator's help.
const maxPages = 256

// init begins a session. What an earlier one left is dropped: its guest has
// restarted without a word.
func (fs *FS) init(c *call) error {
	in, ok := fuse.ParseInitIn(c.body)
	if !ok {
		return unix.EINVAL
	}
	fs.session.Lock()
	defer fs.session.Unlock()
	fs.endLocked()
	if in.Major > fuse.Major {
		// The kernel asks again, with the version it is told.
		c.out.InitOut(&fuse.InitOut{Minor: fuse.Minor})
		return nil
	}
	if in.Major < fuse.Major || in.Minor < fuse.MinMinor {
		return unix.EPROTO
	}
	fs.started = true
	fs.flags = in.Flags & fs.offers()
	background := uint16(min(fs.o.MaxInFlight, 1<<15))
	c.out.InitOut(&fuse.InitOut{
		Minor:               min(in.Minor, fuse.Minor),
		MaxReadahead:        in.MaxReadahead,
		Flags:               fs.flags,
		MaxBackground:       background,
		CongestionThreshold: background / 4 * 3,
		MaxWrite:            maxPages * 4096,
		TimeGran:            1,
		MaxPages:            maxPages,
	})
	return nil
}

// offers are the flags that the server understands and wants.
func (fs *FS) offers() uint64 {
	flags := uint64(fuse.InitAsyncRead | fuse.InitAtomicOTrunc | fuse.InitBigWrites |
		fuse.InitAutoInvalData | fuse.InitDoReaddirplus | fuse.InitReaddirplusAuto |
		fuse.InitAsyncDIO | fuse.InitParallelDirops | fuse.InitMaxPages |
		fuse.InitHandleKillprivV2)
	if fs.o.Cache == CacheAlways {
		flags |= fuse.InitCacheSymlinks
	}
	if fs.o.Submounts {
		flags |= fuse.InitSubmounts
	}
	return flags
}
