package net

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Backend is the host's end of a card's cable. Its methods are called one at a
// time.
type Backend interface {
	// Offloads are the features of this package, of those named CSUM, TSO, UFO,
	// USO and ECN, that the backend can do. They never change.
	Offloads() uint64

	// SetOffloads says which of the GUEST offloads the frames from Ports may
	// need from now on.
	SetOffloads(features uint64) error

	// Ports are the backend's ends, one for each pair of queues. They never
	// change.
	Ports() []Port

	// SetPairs says how many ports are served, from the first on: no frame is to
	// go to the others.
	SetPairs(n int) error

	// Close releases the descriptors.
	Close() error
}

// Port is a descriptor that gives one frame for each read and takes one with
// each write. It does not block.
type Port struct {
	FD     int
	Header bool // a virtio_net_hdr_v1 of HeaderSize bytes stands before each frame
	Stream bool // a read of 0 bytes is the end
	Tap    bool // vhost-net can serve it
}

// takeOver makes the descriptors of files the caller's own, not blocking and not
// known to the runtime's poller, and closes the files.
func takeOver(files []*os.File) (fds []int, err error) {
	for _, f := range files {
		fd, dupErr := duplicate(f)
		if dupErr == nil {
			fds = append(fds, fd)
		}
		err = errors.Join(err, dupErr)
		_ = f.Close()
	}
	if err != nil {
		_ = closeAll(fds)
		return nil, err
	}
	return fds, nil
}

func duplicate(f *os.File) (int, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	dup, dupErr := -1, error(nil)
	if err := conn.Control(func(fd uintptr) {
		dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return -1, err
	}
	if dupErr == nil {
		dupErr = unix.SetNonblock(dup, true)
	}
	if dupErr != nil && dup >= 0 {
		_ = unix.Close(dup)
	}
	if dupErr != nil {
		return -1, fmt.Errorf("duplicate %s: %w", f.Name(), dupErr)
	}
	return dup, nil
}

func closeAll(fds []int) (err error) {
	for _, fd := range fds {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}
