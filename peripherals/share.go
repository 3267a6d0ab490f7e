package peripherals

import (
	"fmt"

	"github.com/hullvm/hull/configs"
	"github.com/hullvm/hull/devices/virtio/fs"
	"github.com/hullvm/hull/peripherals/handover"
)

func (s *Set) addShare(c *configs.Share) error {
	label := Label{"share", c.Name}
	name := label.String()
	server, err := s.need(handover.Share, c.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	log := s.options.Log
	d, err := fs.New(fs.Config{Tag: c.Name, Server: server, Report: func(err error) {
		log.Error("share failed", "share", c.Name, "cause", err)
	}})
	if err != nil {
		return err // it has closed the socket
	}
	s.onClose(name, d.Close)
	s.add(label, d)
	return nil
}
