package net

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// gate is where the goroutines of a pair of queues wait for their port. While it
// stands, the port is known to the runtime's poller.
type gate struct {
	file *os.File // a duplicate of the port's descriptor
	conn syscall.RawConn
	stop chan struct{} // closed by shut
	down atomic.Bool
}

func newGate(p Port) (*gate, error) {
	fd, err := unix.FcntlInt(uintptr(p.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("port: %w", err)
	}
	g := &gate{file: os.NewFile(uintptr(fd), "port"), stop: make(chan struct{})}
	if g.conn, err = g.file.SyscallConn(); err == nil {
		err = g.file.SetDeadline(time.Time{}) // an error for what the poller does not know
	}
	if err != nil {
		_ = g.file.Close()
		return nil, fmt.Errorf("port: %w", err)
	}
	return g, nil
}

// read calls f until it returns true, each time when the port may have become
// readable. It returns false where the gate is shut, also at once.
func (g *gate) read(f func(fd uintptr) bool) (bool, error) { return wait(g.conn.Read(f)) }

// write is read for a port that has room.
func (g *gate) write(f func(fd uintptr) bool) (bool, error) { return wait(g.conn.Write(f)) }

func wait(err error) (bool, error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// shut ends all waits, those to come as well.
func (g *gate) shut() {
	g.down.Store(true)
	close(g.stop)
	_ = g.file.SetDeadline(time.Unix(1, 0))
}

// isShut is for those who do not wait.
func (g *gate) isShut() bool { return g.down.Load() }

func (g *gate) close() { _ = g.file.Close() }
