package peripherals

import (
	"errors"
	"fmt"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/vsock"
	"github.com/hullvm/hull/devices/virtio/vsock/unixsock"
	"github.com/hullvm/hull/peripherals/handover"
)

func (s *Set) addVsock(m *configs.Machine) error {
	c := m.Vsock
	if c.Path == "" {
		return nil
	}
	if err := s.vsock(&c); err != nil {
		return fmt.Errorf("vsock: %w", err)
	}
	return nil
}

func (s *Set) vsock(c *configs.Vsock) error {
	f, err := s.need(handover.Vsock, "")
	if err != nil {
		return err
	}
	listener, err := unixsock.FromFile(f)
	if err != nil {
		return err
	}
	host := s.options.VsockHost
	if broker := s.files.TakeOne(handover.Broker, ""); broker != nil {
		asker, err := unixsock.NewAsker(broker)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		s.onClose("vsock", asker.Close)
		host = asker
	}
	d, err := vsock.New(vsock.Config{CID: uint64(c.CID), Host: host})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	server := unixsock.NewServer(listener, d)
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	s.onClose("vsock", func() error { return errors.Join(server.Close(), <-served, d.Close()) })
	s.drains = append(s.drains, d.Drain)
	s.Vsock = d
	s.add(Label{Kind: "vsock"}, d)
	return nil
}
