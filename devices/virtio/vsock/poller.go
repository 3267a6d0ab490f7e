package vsock

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// poller is an epoll instance that a goroutine waits in without holding a thread.
// Everything in it is edge-triggered: what is ready and stays so is told once.
type poller struct {
	fd     int
	file   *os.File // owns fd
	raw    syscall.RawConn
	events [128]unix.EpollEvent
}

// tag is what an event is recognised by: a slot and, since slots are used again,
// the number of who had it.
type tag struct{ slot, serial int32 }

// Slots of sources that are not streams.
const (
	slotWake int32 = -1 - iota
	slotRX
	slotTX
	slotEvent
)

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: create: %w", err)
	}
	// Not that an epoll instance could block in a read: it makes the runtime
	// watch the descriptor.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("epoll: create: %w", err)
	}
	p := &poller{fd: fd, file: os.NewFile(uintptr(fd), "epoll")}
	if p.raw, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

func (p *poller) add(fd int, t tag, events uint32) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, t, events)
}

// change says anew what is of interest; what is ready is told again.
func (p *poller) change(fd int, t tag, events uint32) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, t, events)
}

func (p *poller) remove(fd int) { _ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

func (p *poller) control(op, fd int, t tag, events uint32) error {
	event := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: t.slot, Pad: t.serial}
	if err := unix.EpollCtl(p.fd, op, fd, &event); err != nil {
		return fmt.Errorf("epoll: descriptor %d: %w", fd, err)
	}
	return nil
}

// look returns what has happened. The slice is used again.
func (p *poller) look() ([]unix.EpollEvent, error) {
	for {
		n, err := unix.EpollWait(p.fd, p.events[:], 0)
		switch {
		case err == nil:
			return p.events[:n], nil
		case !errors.Is(err, unix.EINTR):
			return nil, fmt.Errorf("epoll: wait: %w", err)
		}
	}
}

// wait is look, once something has happened.
func (p *poller) wait() (events []unix.EpollEvent, err error) {
	waitErr := p.raw.Read(func(uintptr) bool {
		events, err = p.look()
		return len(events) > 0 || err != nil
	})
	if err == nil {
		err = waitErr
	}
	return events, err
}

func (p *poller) close() { _ = p.file.Close() }
