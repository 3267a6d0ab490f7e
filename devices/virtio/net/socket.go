package net

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// socketBackend is a Backend of a socket that keeps messages apart.
type socketBackend struct {
	port Port
}

// NewSocket makes a backend of a connected datagram or sequenced packet socket:
// each message is one Ethernet frame, without anything before or behind it. The
// file is the backend's from here on, also where there is an error. It has no
// offloads and one port.
func NewSocket(file *os.File) (Backend, error) {
	fds, err := takeOver([]*os.File{file})
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	kind, err := unix.GetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && kind != unix.SOCK_DGRAM && kind != unix.SOCK_SEQPACKET {
		err = fmt.Errorf("type %d: want one that keeps frames apart, SOCK_DGRAM or SOCK_SEQPACKET", kind)
	}
	if err != nil {
		_ = closeAll(fds)
		return nil, fmt.Errorf("socket: %w", err)
	}
	return &socketBackend{port: Port{FD: fds[0], Stream: kind == unix.SOCK_SEQPACKET}}, nil
}

func (s *socketBackend) Offloads() uint64 { return 0 }

func (s *socketBackend) SetOffloads(features uint64) error {
	if features != 0 {
		return errors.New("socket: has no offloads")
	}
	return nil
}

func (s *socketBackend) Ports() []Port { return []Port{s.port} }

func (s *socketBackend) SetPairs(int) error { return nil }

func (s *socketBackend) Close() error {
	err := unix.Close(s.port.FD)
	s.port.FD = -1
	return err
}
