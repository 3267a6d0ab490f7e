package peripherals

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
)

func (s *Set) addVsock(m *configs.Machine) error {
	c := m.Vsock
	if c.Path == "" {
		return nil
	}
	dialer, err := unixsock.NewDialer(c.Path)
	if err != nil {
		return fmt.Errorf("vsock: %w", err)
	}
	listener, err := unixsock.Listen(c.Path)
	if err != nil {
		return fmt.Errorf("vsock: %w", err)
	}
	d, err := vsock.New(vsock.Config{CID: uint64(c.CID), Host: dialer})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := unixsock.NewServer(listener, d)
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	s.onClose("vsock", func() error { return errors.Join(server.Close(), <-served, d.Close()) })
	s.drains = append(s.drains, d.Drain)
	s.Vsock = d
	s.add("vsock", d)
	return nil
}
