package hostfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another machine, or QEMU, has the file.
var ErrInUse = errors.New("in use by another machine")

// QEMU's image locks (block/file-posix.c): each way of using an image has a
// byte at 100 that says "I do", and one at 200 that says "others must not".
// All of these are shared locks; a conflict shows when one asks who else has
// the opposite byte. Hull keeps to the same protocol, so that qemu-img and
// Hull keep out of each other's images.
const (
	lockUses    = 100
	lockForbids = 200

	useConsistentRead = 0
	useWrite          = 1
	useResize         = 3
	lockBytes         = 4
)

// Lock takes f: for writing it is the only one with f, for reading there may be
// others who read. The lock belongs to the open file, whoever has a descriptor
// of it, and goes with the last one. The error is ErrInUse where somebody else
// has f.
func Lock(f *os.File, write bool) error {
	uses := []int64{useConsistentRead}
	if write {
		uses = append(uses, useWrite, useResize)
	}
	forbids := []int64{useWrite, useResize}

	// Take first and ask later: of two that come at once both may fail, but
	// never both succeed.
	err := takeLocks(f, uses, forbids)
	if err != nil {
		return errors.Join(err, Unlock(f))
	}
	return nil
}

func takeLocks(f *os.File, uses, forbids []int64) error {
	for base, bits := range map[int64][]int64{lockUses: uses, lockForbids: forbids} {
		for _, bit := range bits {
			l := unix.Flock_t{Type: unix.F_RDLCK, Start: base + bit, Len: 1}
			if err := fcntlLock(f, unix.F_OFD_SETLK, &l); err != nil {
				if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
					return fmt.Errorf("lock %q: %w", f.Name(), ErrInUse)
				}
				return fmt.Errorf("lock %q: %w", f.Name(), err)
			}
		}
	}
	for base, bits := range map[int64][]int64{lockForbids: uses, lockUses: forbids} {
		for _, bit := range bits {
			l := unix.Flock_t{Type: unix.F_WRLCK, Start: base + bit, Len: 1}
			if err := fcntlLock(f, unix.F_OFD_GETLK, &l); err != nil {
				return fmt.Errorf("lock %q: %w", f.Name(), err)
			}
			if l.Type != unix.F_UNLCK {
				return fmt.Errorf("lock %q: %w", f.Name(), ErrInUse)
			}
		}
	}
	return nil
}

// Unlock gives f to others while it stays open, as when a machine moves to
// another process.
func Unlock(f *os.File) error {
	for _, base := range []int64{lockUses, lockForbids} {
		l := unix.Flock_t{Type: unix.F_UNLCK, Start: base, Len: lockBytes}
		if err := fcntlLock(f, unix.F_OFD_SETLK, &l); err != nil {
			return fmt.Errorf("unlock %q: %w", f.Name(), err)
		}
	}
	return nil
}

func fcntlLock(f *os.File, cmd int, l *unix.Flock_t) error {
	for {
		if err := unix.FcntlFlock(f.Fd(), cmd, l); err != unix.EINTR {
			return err
		}
	}
}
