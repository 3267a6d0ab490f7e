package virtio

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Kicks waits for a queue's notifications without holding a thread.
type Kicks struct {
	file *os.File
}

// ErrInterrupted ends a wait that was told to end.
var ErrInterrupted = errors.New("interrupted")

// NewKicks returns what waits for q's notifications. It is to be closed.
func NewKicks(q *Queue) (*Kicks, error) {
	fd, err := unix.FcntlInt(uintptr(q.KickFD()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("queue %d: kicks: %w", q.Index, err)
	}
	// An eventfd that does not block is served by the runtime's poller. Only
	// then can a wait be interrupted.
	k := &Kicks{file: os.NewFile(uintptr(fd), "kicks")}
	if err := k.file.SetReadDeadline(time.Time{}); err != nil {
		_ = k.file.Close()
		return nil, fmt.Errorf("queue %d: kicks: %w", q.Index, err)
	}
	return k, nil
}

// Wait waits for a notification since the last Wait, or for Interrupt, which
// makes it return ErrInterrupted. A notification that comes with an Interrupt is
// not lost: the Wait after Rearm returns for it.
func (k *Kicks) Wait() error {
	var n [8]byte
	_, err := k.file.Read(n[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrInterrupted
	}
	return err
}

// Interrupt ends a Wait under way and all later ones, until Rearm.
func (k *Kicks) Interrupt() { _ = k.file.SetReadDeadline(time.Unix(1, 0)) }

// Rearm undoes Interrupt.
func (k *Kicks) Rearm() { _ = k.file.SetReadDeadline(time.Time{}) }

// Close releases the descriptor; a Wait under way fails.
func (k *Kicks) Close() error { return k.file.Close() }
