package passthrough

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// identity lets a request be done as one of the guest's users. Linux keeps the
// identity for files, and capabilities, for each thread.
type identity struct {
	switches bool // may become anybody
	fsetid   bool // has CAP_FSETID, so writing does not take set-id bits away

	uid, gid uint32              // its own
	caps     [2]unix.CapUserData // all that concern files are in the first
	owner    *Owner              // whom the guest sees as uid and gid
}

const fileCaps = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// newIdentity finds out what the process may be.
func newIdentity(owner *Owner) (*identity, error) {
	id := &identity{uid: uint32(unix.Geteuid()), gid: uint32(unix.Getegid()), owner: owner}
	if err := unix.Capget(capHeader(), &id.caps[0]); err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	id.fsetid = id.caps[0].Effective&(1<<unix.CAP_FSETID) != 0
	if id.uid == 0 && id.caps[0].Effective&fileCaps == fileCaps {
		// Tried, and not looked up in capabilities: a user namespace may have
		// those and still know but one user.
		const other = 1
		id.switches = id.switched(other, other, func() error { return nil }) == nil
	}
	return id, nil
}

func capHeader() *unix.CapUserHeader {
	return &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
}

// setEffective changes the effective capabilities of this thread.
func (id *identity) setEffective(effective uint32) error {
	caps := id.caps
	caps[0].Effective = effective
	return unix.Capset(capHeader(), &caps[0])
}

// as runs f as a user of the guest, so that what it makes belongs to them. The
// right to pass by permissions stays: the guest has checked them, and knows of
// groups that the server does not.
func (id *identity) as(uid, gid uint32, f func() error) error {
	uid, gid = id.toHost(uid, gid)
	if !id.switches || uid == id.uid && gid == id.gid {
		return f()
	}
	return id.switched(uid, gid, f)
}

func (id *identity) switched(uid, gid uint32, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() {
		must(become(id.uid, id.gid))
		must(id.setEffective(id.caps[0].Effective))
	}()
	if err := become(uid, gid); err != nil {
		return err
	}
	if uid != id.uid {
		// The kernel has taken the capabilities for files away.
		if err := id.setEffective(id.caps[0].Effective&^fileCaps | 1<<unix.CAP_DAC_OVERRIDE); err != nil {
			return err
		}
	}
	return f()
}

// plain runs f without CAP_FSETID, so that what it writes loses its set-id bits
// as it does when an ordinary user writes.
func (id *identity) plain(f func() error) error {
	if !id.fsetid {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer func() { must(id.setEffective(id.caps[0].Effective)) }()
	if err := id.setEffective(id.caps[0].Effective &^ (1 << unix.CAP_FSETID)); err != nil {
		return err
	}
	return f()
}

// must ends the program when a thread cannot become again what it was: it would
// serve the next request as somebody else. The kernel does not refuse it.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("identity: a thread cannot go back to its own: %v", err))
	}
}

// become changes this thread's identity for files. A user that the namespace does
// not know is EINVAL.
func become(uid, gid uint32) error {
	if err := change(unix.SetfsgidRetGid, gid); err != nil {
		return err
	}
	return change(unix.SetfsuidRetUid, uid)
}

// change makes one of setfsuid's calls, which say what was, and not whether they
// worked.
func change(set func(int) (int, error), to uint32) error {
	const ask = -1 // no user: nothing is changed
	if to == ^uint32(0) {
		return unix.EINVAL
	}
	if _, err := set(int(to)); err != nil {
		return err
	}
	if now, _ := set(ask); uint32(now) != to {
		return unix.EINVAL
	}
	return nil
}

// toGuest turns an owner on the host into what the guest sees: the server's own
// user and group, and those of Options.Owner, change places.
func (id *identity) toGuest(uid, gid uint32) (uint32, uint32) {
	if id.owner == nil {
		return uid, gid
	}
	return swap(uid, id.uid, id.owner.UID), swap(gid, id.gid, id.owner.GID)
}

// toHost turns an owner that the guest means into one on the host.
func (id *identity) toHost(uid, gid uint32) (uint32, uint32) { return id.toGuest(uid, gid) }

func swap(v, a, b uint32) uint32 {
	switch v {
	case a:
		return b
	case b:
		return a
	}
	return v
}
